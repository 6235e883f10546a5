"""Recorded sound in Debian 12's packages: people who speak, and music without voices. Fetched for training only.

No speaker and no package's music is in two splits. A language is in one split only, so that a person who recorded for
two packages is, too: Allison Smith speaks English and Spanish, both in training.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge_export.data.debian import Package

SPLITS = ("train", "validation", "test")
MIN_SECONDS = {"speech": 0.4, "music": 30.0}
"""Shorter recordings are jingles and beeps."""


@dataclass(frozen=True)
class Source:
    """Recordings of one speaker, or of one package's music.

    Attributes:
        name: Unique.
        package: A key of `PACKAGES`.
        kind: "speech" or "music".
        split: "train", "validation" or "test".
        files: Patterns below the unpacked package.
        minutes: Measured, of the files that are used.
        speaker: Who speaks, as far as it is known; "" for music.
        without: Stems of file names that are left out; `EXCLUDED` gives the reasons.
        together: File names beside each file that sound at the same time.
    """

    name: str
    package: str
    kind: str
    split: str
    files: tuple[str, ...]
    minutes: float
    speaker: str = ""
    without: tuple[str, ...] = ()
    together: tuple[str, ...] = ()


PACKAGES = {
    package.name: package
    for package in (
        Package(
            "0ad-data", "0.0.26-1",
            "53745ae74d05bccf6783400fa98f3932b21729ab9d2e86151aa2c331c3455178", 1377.6, "CC-BY-SA-3.0",
            archives=("usr/share/games/0ad/mods/public/public.zip",),
        ),
        Package(
            "asc-music", "1.3-6",
            "369f2d396adb8db9003ef73b797d529e284a7764a5ff4b59a50a4c8b9294da5f", 10.3, "GPL-2+",
        ),
        Package(
            "asterisk-core-sounds-en-g722", "1.6.1-1",
            "38c5261820b406dcb0ecb37675720da2b0864850690690352ca52707eb623806", 10.6, "CC-BY-SA-3.0",
        ),
        Package(
            "asterisk-core-sounds-es-g722", "1.6.1-1",
            "e4e3b4281057d3b81b779298fd6be705f57411513955c518eed1bcaabbd615b8", 13.0, "CC-BY-SA-3.0",
        ),
        Package(
            "asterisk-core-sounds-fr-g722", "1.6.1-1",
            "7add61d5e42279ecff1bbdf842a5a946ac3644fac9a0fe44384731aa7270c8e0", 10.8, "CC-BY-SA-3.0",
        ),
        Package(
            "asterisk-core-sounds-it-g722", "1.6.1-1",
            "46b4cf7afc508a5fcfc051b7ea233251c0d195dd4ef83cc4b7facb4c6429b016", 10.1, "CC-BY-3.0",
        ),
        Package(
            "asterisk-core-sounds-ru-g722", "1.6.1-1",
            "673b4238a6b8269960f055d868c6a11083f7a0d00979167cb01554046b48ed9b", 10.6, "CC-BY-3.0",
        ),
        Package(
            "asterisk-moh-opsound-g722", "2.03-1.1",
            "8d6b39d6f2e8feff54a042c4a25e1b72f3e2478d05ee372c92f77446fa0b1671", 7.9, "CC-BY-SA-3.0",
        ),
        Package(
            "colobot-common-sounds", "0.2.0-2",
            "819e799542eac69c95b072567b5584eb3e0b2bb900de13efa3684915747b1644", 60.7, "GPL-3+",
        ),
        Package(
            "extremetuxracer-data", "0.8.2-1",
            "8ce6c82e6fb89549d284f43f6c4b0a9d82e6c0e5da753bee0ef419276a21470c", 40.6, "GPL-2+",
        ),
        Package(
            "fillets-ng-data", "1.0.1-1.1",
            "25de89afd8b1adf7bcace8290248a6a22c89cd42300317e69000e162c032cf84", 70.6, "GPL-2+",
        ),
        Package(
            "fillets-ng-data-cs", "1.0.1-1.1",
            "3ecef99b9456f1c80c9625c6f2418642b52d58e7167a46bad7a412db17991b14", 39.0, "GPL-2+",
        ),
        Package(
            "fillets-ng-data-nl", "1.0.1-1.1",
            "afb4443fda9ab507dee578b75be857d121718a1cd6017a474f30e0eb13dc9d10", 32.6, "GPL-2+",
        ),
        Package(
            "flare-game", "1.14-1",
            "4ab6a8298276013d35a0806257e130d992761af1b749041433b409c3dafec508", 122.5, "CC-BY-SA-3.0+",
        ),
        Package(
            "freedink-data", "1.08.20190120-2",
            "5c3f0c22958364460057d9df5318a9a2a0fb84b9174cab57a9d50ad03a73d66c", 28.5,
            "CC-BY-SA-3.0, CC-BY-3.0, public domain",
        ),
        Package(
            "freedroidrpg-data", "1.0-1",
            "16c3cfeb82b1ec20c98493bbe1de2e356bd1aec832845630a5a7f12e303baa2b", 228.3, "GPL-2+",
        ),
        Package(
            "fretsonfire-songs-sectoid", "1.dfsg-3.1",
            "14c1ed3e43c1a6a80eae7698f0469a0825cd1184e441968d62df89ca418aa0b4", 29.1, "Expat",
        ),
        Package(
            "hedgewars-data", "1.0.2-6",
            "722225903a72604403e6e0026e40e9a6953f47a74d94efc5f55504bc05bb4761", 145.3, "GPL-2, voices GFDL-1.3",
        ),
        Package(
            "hyperrogue-music", "12.0q-1",
            "61ab9f4c2169442d85f42c42d26e80c1a18b93c741f3d44f1b9d83015904e7f7", 63.8, "CC-BY-SA-3.0",
        ),
        Package(
            "ktuberling-data", "4:22.12.3-1",
            "fba44c875bfa31ea488dadd9263e87a4dcaea0bd47d28817f6c0dc6d2af970ed", 46.7, "GPL-2+",
        ),
        Package(
            "lincity-ng-data", "2.9~git20150314-5",
            "8f5e85bd42879abdc7099b035d7a3d7468eceb6b93b52a12270c28f3f3c792f9", 44.8, "GPL-2+",
        ),
        Package(
            "megaglest-data", "3.13.0-3",
            "ed4783d9fc78e201a548b266f7c30325eb16cfd58a20bf4597dd6e622f84a07e", 242.0, "CC-BY-SA-3.0",
        ),
        Package(
            "naev-data", "0.8.2-1",
            "a98849cacdfc72779e03ceb68f32af03cb3c3f382ba8b82e3299ef87254b454d", 349.5,
            "GPL-2+, GPL-3, CC-BY-3.0, CC-BY-SA-3.0",
        ),
        Package(
            "nexuiz-music", "2.5.2-12",
            "d1a7d6e2c0a5bbe6670dbf73354e38f742597310d425e373250fc71a636f8dda", 84.0, "GPL-2+",
            archives=("usr/share/games/nexuiz/data/music.pk3",),
        ),
        Package(
            "openclonk-data", "8.1-3",
            "1505314b47196c5052caf75e870ea2cf36bdb4e1d0c7e3f133da93815b7e642f", 112.5, "CC-BY-3.0",
        ),
        Package(
            "planetblupi-music-ogg", "1.14.2-3",
            "7d89a6d00b43cdb601e35256ab1a62814d203b5922cfed6a0e73e98486e82fa6", 60.1, "GPL-3+",
        ),
        Package(
            "pushover-data", "0.0.5+git20180909-4",
            "75f52ad553c73660489631b4b4eeb308c3601beee68a097abdd5f2e4e442cbfb", 32.4, "GPL-3+",
        ),
        Package(
            "singularity-music", "007-2",
            "139ba1e408eeb0a72f1fff3760ca46558b9f81bed97dc8c0efa108c4007f4845", 51.6, "CC-BY-SA-3.0",
        ),
        Package(
            "starfighter-data", "2.4-1",
            "0c6038f76836c88249928d2ec93375cada3ccf4beb6d6faac3679f3bdb0e39cd", 45.6, "GPL-2+",
        ),
        Package(
            "supertux-data", "0.6.3-2",
            "a6ad8865972f1dbb5e7b49f4e1b381dd16a68f3028a3502cfeaca2400285d27f", 161.6, "GPL-2+",
        ),
        Package(
            "supertuxkart-data", "1.4+dfsg-2",
            "568d69cda50dc8ad1facb89514bd14953dfca736fdb83c49ae330b0aa7dd2364", 627.7,
            "CC-BY-SA-3.0, CC-BY-SA-4.0, CC0, GPL",
        ),
        Package(
            "trackballs-data", "1.3.4-1",
            "ebc05f997c12896d8a0016990efbf01445b65b66f1eb45759a6277426cc13dac", 31.2, "GPL-2+",
        ),
        Package(
            "tuxpaint-stamps-default", "2022.06.04-1",
            "6db6c1bfc870a47f1499d6203b083522eacb57c5f9c87d468f2e92eb6d9d5f34", 160.9, "GPL-2",
        ),
        Package(
            "ufoai-music", "2.5-2",
            "2465d55e9dce75a3a2a1ad1c8ca67da84e251c04e0965d63a8562b2d9f76f9e6", 210.2,
            "GPL-2+, CC-BY-3.0, CC-BY-SA-3.0",
            archives=("usr/share/games/ufoai/base/0music.pk3",),
        ),
        Package(
            "unknown-horizons", "2019.1-6",
            "ff49ea196d0f57c80d4cd4509c030240cbe632881f8c5b2a1265dd3e3795f100", 248.5, "CC-BY-SA-3.0",
        ),
        Package(
            "warmux-data", "1:11.04.1+repack2-4",
            "cceec72afcc9d5b0515149eb505bf0d883bd47399e602b30a805cafa2d91eb70", 98.5, "GPL-2+",
        ),
        Package(
            "warzone2100-music", "4.3.3-3",
            "d3b2c9f90ea5438d45d4aff18339a03ec808e1affa9dac91f7dad61cb15ee64e", 85.7, "GPL-2+",
        ),
        Package(
            "wesnoth-1.16-music", "1:1.16.9-1",
            "f9bc3cde92b4ab30db5d7b85f89b4bcc3d788dd92602956d0347250850bf59bb", 153.2, "GPL-2+",
        ),
        Package(
            "widelands-data", "2:1.1-3",
            "0e23d645b15bcfb9e3bcae0de9bc1bdfa75a6ecb36b2e449759d6eb0b4bbd8fb", 381.4, "GPL-2+, CC-BY-SA-3.0",
        ),
    )
}  # fmt: skip


TONES = (
    "ascending-2tone", "beep", "beeperr", "confbridge-join", "confbridge-leave", "descending-2tone",
    "tt-monkeys", "tt-weasels",
)  # fmt: skip
"""Prompts in which nobody speaks."""


def _prompts(language: str, split: str, speaker: str, minutes: float) -> Source:
    name = f"asterisk-core-sounds-{language}-g722"
    # Sentences lie at the top; the folders below hold digits, letters and silence.
    return Source(name, name, "speech", split, ("usr/share/asterisk/sounds/*/*.flac",), minutes, speaker, TONES)


def _stamps(language: str, split: str, minutes: float) -> Source:
    name, files = f"tuxpaint-{language}", (f"usr/share/tuxpaint/stamps/**/*_desc_{language}.ogg",)
    return Source(name, "tuxpaint-stamps-default", "speech", split, files, minutes, name)


def _fishes(language: str, split: str, fish: str, minutes: float) -> Source:
    name, files = f"fillets-{language}-{fish}", (f"usr/share/games/fillets-ng/sound/**/{language}/*-{fish}-*.ogg",)
    return Source(name, f"fillets-ng-data-{language}", "speech", split, files, minutes, name)


def _potatoes(language: str, split: str, minutes: float) -> Source:
    name = f"ktuberling-{language}"
    files = tuple(f"usr/share/ktuberling/sounds/{language}/*.{ending}" for ending in ("ogg", "opus", "wav"))
    return Source(name, "ktuberling-data", "speech", split, files, minutes, name)


def _hedgehog(language: str, voice: str, minutes: float) -> Source:
    name = f"hedgewars-{language}-{voice.lower()}"
    files = (f"usr/share/games/hedgewars/Data/Sounds/voices/{voice}/*.ogg",)
    return Source(name, "hedgewars-data", "speech", "train", files, minutes, name)


def _soldiers(language: str, minutes: float) -> Source:
    name, files = f"0ad-{language}", (f"usr/share/games/0ad/mods/public/audio/voice/{language}/civ/*.ogg",)
    return Source(name, "0ad-data", "speech", "train", files, minutes, name)


def _music(
    package: str, split: str, minutes: float, *files: str, without: tuple[str, ...] = (), together: tuple[str, ...] = ()
) -> Source:
    return Source(package, package, "music", split, files, minutes, "", without, together)


SOURCES = (
    _prompts("en", "train", "Allison Smith", 20.6),
    _prompts("es", "train", "Allison Smith", 24.9),
    _prompts("fr", "train", "June Wallack", 21.2),
    _prompts("it", "train", "Carlo Flora", 19.0),
    _fishes("cs", "train", "m", 36.5),
    _fishes("cs", "train", "v", 37.2),
    _stamps("bg", "train", 21.0),
    _stamps("ca", "train", 14.0),
    _stamps("es", "train", 25.4),
    _stamps("fr", "train", 21.2),
    _stamps("ro", "train", 29.9),
    _potatoes("ca", "train", 2.9),
    _potatoes("de", "train", 0.9),
    _potatoes("en", "train", 1.0),
    _potatoes("fr", "train", 4.0),
    _potatoes("wa", "train", 1.0),
    _hedgehog("en", "British", 1.2),
    _hedgehog("en", "Classic", 0.6),
    _hedgehog("en", "Default", 1.0),
    _hedgehog("en", "HillBilly", 1.2),
    _hedgehog("en", "Mobster", 1.1),
    _hedgehog("en", "Pirate", 1.3),
    _hedgehog("en", "Singer", 1.2),
    _hedgehog("en", "Surfer", 0.9),
    _hedgehog("es", "Default_es", 1.3),
    _hedgehog("pl", "Default_pl", 0.6),
    _soldiers("napatan", 1.8),
    _soldiers("persian", 0.8),
    _stamps("be", "validation", 16.2),
    _stamps("da", "validation", 5.1),
    _potatoes("da", "validation", 4.1),
    _potatoes("sl", "validation", 0.9),
    _potatoes("uk", "validation", 2.8),
    _prompts("ru", "test", "ivrvoice.ru", 20.2),
    _fishes("nl", "test", "m", 37.6),
    _fishes("nl", "test", "v", 40.8),
    _stamps("el", "test", 18.3),
    _stamps("ru", "test", 23.5),
    _potatoes("el", "test", 1.1),
    _potatoes("lt", "test", 4.5),
    _potatoes("nn", "test", 3.4),
    _potatoes("ru", "test", 2.4),
    _music(
        "warzone2100-music", "train", 235.3, "usr/share/games/warzone2100/music/**/*.opus",
        without=("track2",),
    ),
    _music("planetblupi-music-ogg", "train", 162.9, "usr/share/planetblupi/music/*.ogg"),
    _music(
        "supertux-data", "train", 90.6, "usr/share/games/supertux2/music/**/*.ogg",
        without=("call_of_the_winding_path",),
    ),
    _music("colobot-common-sounds", "train", 65.5, "usr/share/games/colobot/music/*.ogg"),
    _music(
        "freedroidrpg-data", "train", 45.2, "usr/share/freedroidrpg/data/sound/music/*.ogg",
        without=("ImperialArmy",),
    ),
    _music("hyperrogue-music", "train", 23.3, "usr/share/hyperrogue/music/*.ogg"),
    _music(
        "fretsonfire-songs-sectoid", "train", 13.5, "usr/share/games/fretsonfire/data/songs/*/*/song.ogg",
        together=("guitar.ogg",),
    ),
    _music(
        "0ad-data", "train", 173.1, "usr/share/games/0ad/mods/public/audio/music/*.ogg",
        without=("Upstart_King",),
    ),
    _music("asc-music", "train", 17.6, "usr/share/games/asc/music/*.mp3"),
    _music("flare-game", "train", 37.8, "usr/share/games/flare/mods/fantasycore/music/*.ogg"),
    _music(
        "freedink-data", "train", 11.0, "usr/share/games/dink/dink/Sound/*.ogg",
        without=("106", "5"),
    ),
    _music(
        "hedgewars-data", "train", 69.2, "usr/share/games/hedgewars/Data/Music/*.ogg",
        without=("Brick", "Compost", "Desert", "Golf", "Halloween", "main_theme"),
    ),
    _music("lincity-ng-data", "train", 9.4, "usr/share/games/lincity-ng/music/default/*.ogg"),
    _music(
        "megaglest-data", "train", 19.3, "usr/share/games/megaglest/**/music/*.ogg",
        without=("music_magic", "romans"),
    ),
    _music(
        "naev-data", "train", 118.5, "usr/share/naev/dat/snd/music/*.ogg",
        without=("ambiphonic", "combat2", "sirius1"),
    ),
    _music(
        "nexuiz-music", "train", 73.4, "usr/share/games/nexuiz/data/sound/cdtracks/*.ogg",
        without=("calling-bogus", "digital-pursuit", "stairs"),
    ),
    _music("openclonk-data", "train", 25.8, "usr/share/games/openclonk/Music.ocg/*.ogg"),
    _music("pushover-data", "train", 31.1, "usr/share/pushover/themes/*.ogg"),
    _music(
        "starfighter-data", "train", 23.9, "usr/share/starfighter/music/*.ogg",
        without=("sound_and_silence",),
    ),
    _music(
        "supertuxkart-data", "train", 50.1, "usr/share/games/supertuxkart/data/music/*.ogg",
        without=("celtic", "celtic_fast", "hacienda", "kart_grand_prix", "menutheme"),
    ),
    _music(
        "trackballs-data", "train", 25.1, "usr/share/games/trackballs/music/*.ogg",
        without=("c64revival", "crazy", "eurovision"),
    ),
    _music(
        "ufoai-music", "train", 227.7, "usr/share/games/ufoai/base/music/*.ogg",
        without=("Marine02", "returnjourney"),
    ),
    _music("unknown-horizons", "train", 42.5, "usr/share/unknown-horizons/content/audio/music/**/*.ogg"),
    _music(
        "warmux-data", "train", 21.9, "usr/share/games/warmux/music/**/*.ogg",
        without=("circux", "Mike_Errecart.-.Monkey-bubble"),
    ),
    _music("widelands-data", "train", 95.0, "usr/share/games/widelands/data/music/*.ogg"),
    _music(
        "fillets-ng-data", "validation", 20.2, "usr/share/games/fillets-ng/music/*.ogg",
        without=("rybky09", "rybky14"),
    ),
    _music("extremetuxracer-data", "validation", 8.7, "usr/share/games/etr/music/*.ogg"),
    _music(
        "wesnoth-1.16-music", "test", 122.7, "usr/share/games/wesnoth/1.16/data/core/music/*.ogg",
        without=("the_city_falls",),
    ),
    _music(
        "singularity-music", "test", 53.6, "usr/share/games/singularity/music/**/*.ogg",
        without=("Aberrations", "Nebula"),
    ),
    _music(
        "asterisk-moh-opsound-g722", "test", 13.1, "usr/share/asterisk/moh/*.flac",
        without=("reno_project-system",),
    ),
)  # fmt: skip
"""Every source, in one split each."""

EXCLUDED = {
    "fretsonfire-songs-muldjord": "all four songs have growled voices: formants that move through noise",
    "warzone2100-music: track2": "the voice detector is unsure, 0.76",
    "supertux-data: call_of_the_winding_path": "calls that glide as voices do",
    "freedroidrpg-data: ImperialArmy": "the voice detector is unsure, 0.90: glides of many harmonics",
    "freedroidrpg-data: titles, voice_samples": "people speak",
    "fillets-ng-data: rybky09, rybky14": "the voice detector is unsure, 0.73 and 0.84: wavering harmonics",
    "wesnoth-1.16-music: the_city_falls": "the voice detector is unsure, 0.94: perhaps a choir",
    "singularity-music: Aberrations, Nebula": "voice-like synthesizers with formants, 0.93 and 0.91",
    "asterisk-moh-opsound-g722: reno_project-system": "a lead that glides as a voice does, 0.85",
    "asterisk-core-sounds-*: beep, ascending-2tone, tt-monkeys, …": "tones and noises",
    "tuxpaint-stamps-default: files without _desc_": "animals and machines, no speech",
    "fillets-ng-data-cs, -nl: other parts": "many speakers with effects on their voices, and noises",
    "asterisk-prompt-es-co, asterisk-prompt-fr-armelle": "GSM at 8 kHz",
    "klettres-data": "single letters and syllables of less than a second",
    "ktuberling-data: gl": "noise, hardly a voice",
    "drascula-music": "a license of its own",
    "0ad-data: Upstart_King": "a lead that glides as a voice does, 0.98",
    "0ad-data: voice/greek, latin": "Greek is a language of the test, and there is less than half a minute of Latin",
    "freedink-data: 5, 106": "a synthesizer's, and a license of its own",
    "hedgewars-data: Brick, Compost, Desert, Golf, Halloween, main_theme": (
        "calls and glides with formants, 0.78 to 1.00"
    ),
    "hedgewars-data: Default_ru, Default_uk, Russian, Russian_pl": "languages of the other splits",
    "hedgewars-data: Robot": "no person",
    "marsshooter-data": "metal songs with singing",
    "megaglest-data: music_magic": "the voice detector is unsure, 0.69: perhaps a choir",
    "megaglest-data: romans": "of an album whose license the package does not name",
    "megaglest-data: tilesets": "birds, insects and wind",
    "naev-data: ambiphonic, combat2, sirius1": "glides and bursts with formants, perhaps a choir, 0.92 to 1.00",
    "nexuiz-music: calling-bogus, digital-pursuit, stairs": "noises with formants, wavering harmonics, 0.83 to 1.00",
    "starfighter-data: sound_and_silence": "many harmonics that glide, 1.00",
    "supertuxkart-data: celtic, celtic_fast, hacienda, kart_grand_prix, menutheme": (
        "leads and noises that glide as voices do, 0.59 to 0.99"
    ),
    "ufoai-music: Marine02, returnjourney": "noises with formants, 0.80 and 0.99",
    "warmux-data: circux, Monkey-bubble": "a crowd; calls of animals, 0.95 and 0.72",
    "trackballs-data: c64revival, crazy, eurovision": "a license of its own",
    "berusky2-data, redeclipse-data": "more than 500 MB each for 71 and 36 minutes of music",
    "boswars-data, endless-sky-data, freeorion-data, plee-the-bear-data, scorched3d-data, torcs-data": (
        "at most 11 minutes of music each"
    ),
    "megaglest-data, warmux-data, boswars-data: speech": "short words of many voices, seconds of each",
}
"""What was looked at and left out, and why. The numbers are what a voice detector gave to the files' worst 18 s."""


def sources_of(split: str) -> tuple[Source, ...]:
    """The sources of "train", "validation" or "test"."""
    return tuple(source for source in SOURCES if source.split == split)
