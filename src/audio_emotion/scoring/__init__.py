"""Scores collections of recordings into Parquet, on one machine or on a Ray cluster: `audio-emotion score`.

`sources` lists what the inputs name, `plan` cuts it into blocks, an engine (`local`, `ray_engine`) takes the blocks
through `scorer`, `tables` shapes the rows, `store` writes them, and `run` holds it together.
"""
