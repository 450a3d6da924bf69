from pathlib import Path

import pytest
from sqlalchemy import text

from matcher.errors import NotFoundError, NotInitialisedError
from matcher.records import Buyer, Commitment, Contact, Kind, Need, Supplier, Text
from matcher.store import Store

pytestmark = pytest.mark.both_databases


def supplier(record_id: str = "s1", body: str = "Vi brøyter", **more: object) -> Supplier:
    return Supplier(id=record_id, name="Brøyt AS", texts=(Text(lang="nb", body=body),), **more)


def need(record_id: str = "n1", **more: object) -> Need:
    return Need(id=record_id, texts=(Text(lang="sv", title="Snö", body="Vi söker"),), **more)


def test_records_come_back_as_they_were_saved(store: Store) -> None:
    buyers = (
        Buyer(name="Oslo kommune", country="NO", commitment=Commitment.COMMITS, lead=True),
        Buyer(name="Göteborg", country="SE", commitment=Commitment.OBSERVES),
    )
    saved = need(buyers=buyers, cpv=("90620000",), country="NO", value=3.5, currency="NOK")
    firm = supplier(nace=("81.29",), employees=4, region="Nordland", country="NO")
    store.save([saved, firm])
    assert store.need("n1") == saved
    assert store.supplier("s1") == firm
    assert list(store.iterate(Kind.NEED)) == [saved]


def test_saving_the_same_again_changes_nothing(store: Store) -> None:
    store.save([supplier(), need()])
    before = store.last_change()
    result = store.save([supplier(), need()])
    assert (result.new, result.changed, result.unchanged) == (0, 0, 2)
    assert store.last_change() == before


def test_a_changed_record_changes_once(store: Store) -> None:
    store.save([supplier()])
    before = store.last_change()
    result = store.save([supplier(body="Vi strør")])
    assert (result.new, result.changed, result.unchanged) == (0, 1, 0)
    assert store.last_change() == before + 1


def test_an_id_of_another_source_is_left_alone(store: Store) -> None:
    store.save([supplier()])
    result = store.save([supplier(body="Noe annet", source="brreg")])
    assert result.taken == [("s1", "table")]
    assert store.supplier("s1").texts[0].body == "Vi brøyter"


def test_contact_data_stands_apart_and_goes_with_its_record(store: Store) -> None:
    contact = Contact(name="Kari Nordmann", email="kari@broyt.example", phone="123")
    store.save([supplier(contact=contact)])
    assert store.supplier("s1").contact is None
    with store.engine.connect() as connection:
        rows = connection.execute(text("SELECT name, email FROM contact")).all()
        columns = connection.execute(text("SELECT * FROM supplier")).all()
    assert rows == [("Kari Nordmann", "kari@broyt.example")]
    assert "Kari" not in str(columns)
    store.delete(Kind.SUPPLIER, "s1")
    with store.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM contact")).scalar_one() == 0


def test_a_deleted_record_is_gone_and_can_come_back(store: Store) -> None:
    store.save([supplier()])
    store.delete(Kind.SUPPLIER, "s1")
    assert store.count(Kind.SUPPLIER) == 0
    with pytest.raises(NotFoundError, match="s1"):
        store.supplier("s1")
    with pytest.raises(NotFoundError):
        store.delete(Kind.SUPPLIER, "s1")
    assert store.save([supplier()]).changed == 1
    assert store.count(Kind.SUPPLIER) == 1


def test_the_same_buyer_in_two_needs_is_one_buyer(store: Store) -> None:
    for number, name in enumerate(["Oslo kommune", "OSLO  KOMMUNE"]):
        store.save([need(f"n{number}", buyers=(Buyer(name=name, country="NO"),))])
    with store.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM buyer")).scalar_one() == 1


def test_sqlite_is_set_to_survive_a_power_cut(tmp_path: Path) -> None:
    store = Store.create(f"sqlite:///{tmp_path / 'store.sqlite'}")
    with store.engine.connect() as connection:
        pragmas = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_opening_what_is_not_there_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(NotInitialisedError, match="samspill init"):
        Store.open(f"sqlite:///{tmp_path / 'none.sqlite'}")


def test_making_the_store_twice_keeps_what_is_in_it(store: Store) -> None:
    store.save([supplier()])
    again = Store.create(str(store.engine.url))
    assert again.count(Kind.SUPPLIER) == 1
    again.close()
