"""The web page of `audio-emotion demo`: recordings and live sound in a browser, served from this machine alone."""
