"""Every error that a user of the station can meet.

    QcError                     1  the work was done and the answer is no
    ├── IntegrityError          1  stored facts do not agree with their hashes or with one another
    ├── Retired                 1  bytes that retention let go; their hash and the rule are kept
    ├── InputError              2  something that the user gave is wrong
    │   ├── ConfigError            a key of the configuration
    │   ├── LabelError             a declared label that cannot be read
    │   ├── DatasetError           a dataset folder: the file, the row, the column
    │   ├── ImageError             an image that cannot be read
    │   └── CheckpointError        a model folder: the file and what was expected of it
    └── Unavailable             3  something that the station needs does not answer
        ├── InstrumentError
        │   ├── LinkConfig         the port does not exist or may not be opened
        │   ├── LinkTimeout        no reply in time
        │   ├── LinkLost           unplugged
        │   ├── ProtocolError      a reply that the protocol does not allow
        │   ├── DeviceBusy         the device said "busy"
        │   └── DeviceFault        the device reported an error of its own
        ├── InferenceUnavailable   the inference worker died or hangs
        ├── ChildUnavailable       a child process of the station is out of restarts
        ├── ReportFailed           the renderer failed or took too long
        ├── PlantUnavailable       the database of the plant does not answer; the station goes on without
        └── StoreUnavailable       the database is down, locked or of a newer schema

The number is the exit status of a command that ends with the error. Messages are one line and
name the file, row or key and what was expected. Errors are caught in two places: the daemon's
job wrapper and ``qc_daemon.cli.main``.
"""


class QcError(Exception):
    """Root of all errors that are reported in one line instead of a traceback."""

    exit_status = 1


class IntegrityError(QcError):
    """Stored facts disagree with their hashes or with one another."""


class Retired(QcError):
    """Bytes that retention let go: the message says when and by which rule."""


class InputError(QcError):
    """Something that the user gave is wrong; the message says what was expected."""

    exit_status = 2


class ConfigError(InputError):
    """A key of the configuration is unknown or its value is not allowed."""


class LabelError(InputError):
    """A declared fibre label cannot be read or does not sum to 100 %."""


class DatasetError(InputError):
    """A dataset folder breaks the layout that docs/models.md states."""


class ImageError(InputError):
    """Bytes that are not an image the station can read."""


class CheckpointError(InputError):
    """A model folder is incomplete, altered or disagrees with its golden outputs."""


class Unavailable(QcError):
    """Something that the station needs does not answer; trying later may help."""

    exit_status = 3


class InstrumentError(Unavailable):
    """Any failure of an instrument or of the link to it."""


class LinkConfig(InstrumentError):
    """The port does not exist, is taken, or may not be opened."""


class LinkTimeout(InstrumentError):
    """The instrument did not reply in time."""


class LinkLost(InstrumentError):
    """The instrument was unplugged or the connection broke."""


class ProtocolError(InstrumentError):
    """The instrument replied with something that its protocol does not allow."""


class DeviceBusy(InstrumentError):
    """The instrument refused because it is at work."""


class DeviceFault(InstrumentError):
    """The instrument reported an error of its own."""


class InferenceUnavailable(Unavailable):
    """The inference worker died, hangs, or used up its restarts."""


class ChildUnavailable(Unavailable):
    """A child process of the station died or hung more often than it may."""


class ReportFailed(Unavailable):
    """The report could not be rendered; the conclusion it is about is kept."""


class PlantUnavailable(Unavailable):
    """The database that collects from all stations does not answer, or is too old."""


class StoreUnavailable(Unavailable):
    """The database cannot be opened or written, or has a newer schema than this software."""
