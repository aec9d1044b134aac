"""BIIC-Podcast: Taiwanese Mandarin podcasts, rated as MSP-Podcast is."""

from __future__ import annotations

from audio_emotion.dataset_scripts.corpora.msppodcast import MspPodcast
from audio_emotion.dataset_scripts.corpus import CorpusInfo


class BiicPodcast(MspPodcast):
    """`Audios/BIIC-PODCAST_1000_0321_0003.wav`; labels in `labels_consensus.csv` and `labels_detailed.csv`.

    Protocol, classes and scales are those of MSP-Podcast; so are the tables' columns (unverified). Some releases name
    no speakers.
    """

    info = CorpusInfo(
        name="biicpodcast",
        title="BIIC-Podcast",
        languages=("zh-TW",),
        license="other",
        license_note="Agreement with the BIIC lab at NTHU, for research.",
        redistribution=False,
        homepage="https://biic.ee.nthu.edu.tw/open_resource_detail.php?id=63",
        citation="""
@inproceedings{upadhyay2023biic,
  title = {An Intelligent Infrastructure Toward Large Scale Naturalistic Affective Speech Corpora Collection},
  author = {Upadhyay, Shreya G. and Chien, Woan-Shiuan and Su, Bo-Hao and Goncalves, Lucas and Wu, Ya-Tse and
            Salman, Ali N. and Busso, Carlos and Lee, Chi-Chun},
  booktitle = {Proceedings of ACII 2023}, year = {2023}
}""",
        label_note="Primary emotions that the raters chose; contempt is other.",
        split_note="The official one.",
    )
    grammar = r"BIIC-PODCAST_\w+"
    example = "Audios/BIIC-PODCAST_1000_0321_0003.wav"
