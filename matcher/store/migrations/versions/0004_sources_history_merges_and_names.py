"""links between notices, register facts, supplier texts, merges, history and CPV names

Revision ID: 0004_sources
Revises: 0003_job_runs
"""

import sqlalchemy as sa
from alembic import op

revision = "0004_sources"
down_revision = "0003_job_runs"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "award_notice",
        sa.Column("id", sa.String(length=200), nullable=False),
        sa.Column("source", sa.String(length=50), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("version", sa.String(length=30), nullable=False),
        sa.Column("procedure_id", sa.String(length=200), nullable=False),
        sa.Column("earlier_notices", sa.JSON(), nullable=False),
        sa.Column("published", sa.Date(), nullable=True),
        sa.Column("buyers", sa.JSON(), nullable=False),
        sa.Column("cpv", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_award_notice")),
    )
    with op.batch_alter_table("award_notice", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_award_notice_procedure_id"), ["procedure_id"], unique=False
        )

    op.create_table(
        "cpv_name",
        sa.Column("code", sa.String(length=8), nullable=False),
        sa.Column("lang", sa.String(length=3), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("code", "lang", name=op.f("pk_cpv_name")),
    )
    op.create_table(
        "supplier_merge",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kept_id", sa.String(length=200), nullable=False),
        sa.Column("merged_id", sa.String(length=200), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_supplier_merge")),
        sa.UniqueConstraint("kept_id", "merged_id", name=op.f("uq_supplier_merge_kept_id")),
    )
    with op.batch_alter_table("supplier_merge", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_supplier_merge_state"), ["state"], unique=False)

    op.create_table(
        "sync_state",
        sa.Column("connector", sa.String(length=50), nullable=False),
        sa.Column("cursor", sa.JSON(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("connector", name=op.f("pk_sync_state")),
    )
    op.create_table(
        "award",
        sa.Column("notice_id", sa.String(length=200), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=250), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("organisation_number", sa.Text(), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("lot", sa.Text(), nullable=False),
        sa.Column("value", sa.Float(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.ForeignKeyConstraint(
            ["notice_id"], ["award_notice.id"], name=op.f("fk_award_notice_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("notice_id", "position", name=op.f("pk_award")),
    )
    with op.batch_alter_table("award", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_award_key"), ["key"], unique=False)

    op.create_table(
        "supplier_text",
        sa.Column("supplier_id", sa.String(length=200), nullable=False),
        sa.Column("url", sa.String(length=1000), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("lang", sa.String(length=3), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("retrieved", sa.String(length=10), nullable=False),
        sa.ForeignKeyConstraint(
            ["supplier_id"],
            ["supplier.id"],
            name=op.f("fk_supplier_text_supplier_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("supplier_id", "url", "position", name=op.f("pk_supplier_text")),
    )
    with op.batch_alter_table("need", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("procedure_id", sa.String(length=200), server_default="", nullable=False)
        )
        batch_op.add_column(
            sa.Column("earlier_notices", sa.JSON(), server_default="[]", nullable=False)
        )
        batch_op.add_column(
            sa.Column("replaces", sa.String(length=200), server_default="", nullable=False)
        )

    with op.batch_alter_table("need_buyer", schema=None) as batch_op:
        batch_op.add_column(sa.Column("name", sa.Text(), server_default="", nullable=False))
        batch_op.add_column(
            sa.Column("organisation_number", sa.Text(), server_default="", nullable=False)
        )

    with op.batch_alter_table("supplier", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("legal_form", sa.String(length=50), server_default="", nullable=False)
        )
        batch_op.add_column(
            sa.Column("size", sa.String(length=10), server_default="", nullable=False)
        )
        batch_op.add_column(
            sa.Column("personal_data", sa.Boolean(), server_default=sa.false(), nullable=False)
        )
        batch_op.add_column(
            sa.Column("no_advertising", sa.Boolean(), server_default=sa.false(), nullable=False)
        )
        batch_op.add_column(sa.Column("merged_into", sa.String(length=200), nullable=True))
        batch_op.create_index(batch_op.f("ix_supplier_merged_into"), ["merged_into"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("supplier", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_supplier_merged_into"))
        batch_op.drop_column("merged_into")
        batch_op.drop_column("no_advertising")
        batch_op.drop_column("personal_data")
        batch_op.drop_column("size")
        batch_op.drop_column("legal_form")

    with op.batch_alter_table("need_buyer", schema=None) as batch_op:
        batch_op.drop_column("organisation_number")
        batch_op.drop_column("name")

    with op.batch_alter_table("need", schema=None) as batch_op:
        batch_op.drop_column("replaces")
        batch_op.drop_column("earlier_notices")
        batch_op.drop_column("procedure_id")

    op.drop_table("supplier_text")
    with op.batch_alter_table("award", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_award_key"))

    op.drop_table("award")
    op.drop_table("sync_state")
    with op.batch_alter_table("supplier_merge", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_supplier_merge_state"))

    op.drop_table("supplier_merge")
    op.drop_table("cpv_name")
    with op.batch_alter_table("award_notice", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_award_notice_procedure_id"))

    op.drop_table("award_notice")
