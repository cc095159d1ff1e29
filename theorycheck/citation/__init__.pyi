# The face of this room: what other rooms and users import, each name once.
from ._citations import VERB_PARTS as VERB_PARTS
from ._citations import parts_of as parts_of
from ._citations import references_for as references_for
from ._citations import software_bibtex as software_bibtex
from ._references import REFERENCES as REFERENCES
from ._references import Reference as Reference
