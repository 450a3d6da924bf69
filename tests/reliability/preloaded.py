"""What every process that is killed needs, loaded once by the server it is forked from."""

from matcher.embed import load_encoder
from matcher.text import TermMaker

ENCODER = load_encoder("bundled")
MAKER = TermMaker()
MAKER.text_terms("Vi leverer brøyting og strøing", "nb")
