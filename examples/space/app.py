"""The web page as a Space. The variable MODEL names a Hub repo; without it the bundled checkpoint is heard with."""

import os

from audio_emotion.demo.analysis import Limits
from audio_emotion.demo.server import serve

serve(
    model=os.environ.get("MODEL"),
    host="0.0.0.0",
    port=int(os.environ.get("PORT", "7860")),
    limits=Limits(max_minutes=10, max_mb=50),
)
