"""The words that the illustrator was taught by hand, English and Chinese, as plain tables.

One module per sort of word; each table maps what is meant to the words for it, parted by "|". Emoji names and keywords
come from CLDR and are not repeated here. Traditional characters are folded before anything is looked up (`folding`).
"""
