"""Prints the advances of `src/text.rs` from the font in `assets`. Needs fonttools."""

from fontTools.ttLib import TTFont

font = TTFont("assets/DejaVuSans-subset.ttf")
names, advances, em = font.getBestCmap(), font["hmtx"], font["head"].unitsPerEm
print([round(advances[names[c]][0] * 1000 / em) for c in range(32, 127)])
