"""The models on offer, as data: which engine paints, which parameters and sizes they take, what a picture costs.

The names come from `models.toml` beside this file and from the operator's settings. Validation, prices, the list of
models and its documentation are all read off the same records.
"""
