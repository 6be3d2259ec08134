"""The console: pages for people, rendered here. A page is one module and one template; what they share is beside them.

`visit.py` is who asks and how one answers, `look.py` makes HTML of templates, `words` says it in their language,
`assets.py` serves what browsers load. Pages call the same verbs as the API and decide nothing.
"""
