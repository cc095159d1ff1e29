# The face of this room: what other rooms and users import, each name once.
from ._cache import ResultCache as ResultCache
from ._cache import user_cache_folder as user_cache_folder
from ._engine import engine_digest as engine_digest
from ._head import Head as Head
from ._head import checked_head as checked_head
from ._head import new_head as new_head
from ._head import parsed_head as parsed_head
from ._json_schemas import json_schema as json_schema
from ._json_schemas import schema_id as schema_id
from ._json_schemas import verbs_with_schema as verbs_with_schema
from ._named import Named as Named
from ._saved import Saved as Saved
from ._saved import head_of as head_of
