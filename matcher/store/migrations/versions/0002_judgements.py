"""judgements

Revision ID: 0002_judgements
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002_judgements"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "judgement",
        sa.Column("need_id", sa.String(length=200), nullable=False),
        sa.Column("supplier_id", sa.String(length=200), nullable=False),
        sa.Column("grade", sa.Integer(), nullable=False),
        sa.Column("judged_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["need_id"], ["need.id"], name=op.f("fk_judgement_need_id_need"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["supplier_id"],
            ["supplier.id"],
            name=op.f("fk_judgement_supplier_id_supplier"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("need_id", "supplier_id", name=op.f("pk_judgement")),
    )


def downgrade() -> None:
    op.drop_table("judgement")
