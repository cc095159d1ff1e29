# The face of this room: what other rooms and users import, each name once.
from ._evidence import ClaimVerdict as ClaimVerdict
from ._evidence import Evidence as Evidence
from ._evidence import Ledger as Ledger
from ._evidence import claim_verdict as claim_verdict
from ._recovery import POOR as POOR
from ._recovery import RECOVERED as RECOVERED
from ._recovery import SCALE as SCALE
from ._recovery import as_well_as as as_well_as
from ._recovery import in_words as in_words
from ._recovery import poorly as poorly
from ._recovery import recovers as recovers
from ._table import figure_text as figure_text
from ._verification_run import claim_of as claim_of
from ._verification_run import claims_with_test as claims_with_test
from ._verification_run import run_verification as run_verification
