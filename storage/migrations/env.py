"""What Alembic runs: the migrations and the views, inside the transaction of `storage.schema.upgrade`."""

from alembic import context

import storage.alarm_tables
import storage.correction_tables
import storage.ground_tables
import storage.lab_tables
import storage.ledger_tables
import storage.migrations.postgres_types
import storage.outbox_tables
import storage.people_tables
import storage.report_tables
import storage.retention_tables
import storage.uncleaned_tables  # noqa: F401 (the metadata must know every table)
from storage.tables import Base
from storage.views import create_views, drop_views

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=True,  # SQLite changes a table by building it anew
    transactional_ddl=True,
)
with context.begin_transaction():
    # A table that a view reads cannot be built anew, and views follow the newest schema.
    drop_views(connection)
    context.run_migrations()
    create_views(connection)
