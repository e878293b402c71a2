"""The merged html5 settings that the node serves: the parts that a bot can use.

Values are the defaults of BBB 3.0's `private/config/settings.yml`, save that
transparent listen only is on, as on the recorded server.
"""

CAMERA_PROFILES = [
    {"id": "low-u30", "name": "low-u30", "bitrate": 30, "hidden": True},
    {"id": "low-u25", "name": "low-u25", "bitrate": 40, "hidden": True},
    {"id": "low-u20", "name": "low-u20", "bitrate": 50, "hidden": True},
    {"id": "low-u15", "name": "low-u15", "bitrate": 70, "hidden": True},
    {"id": "low-u12", "name": "low-u12", "bitrate": 90, "hidden": True},
    {"id": "low-u8", "name": "low-u8", "bitrate": 100, "hidden": True},
    {"id": "low", "name": "Low", "default": False, "bitrate": 100},
    {"id": "medium", "name": "Medium", "default": True, "bitrate": 200},
    {
        "id": "high",
        "name": "High",
        "default": False,
        "bitrate": 500,
        "constraints": {"width": 1280, "height": 720, "frameRate": 15},
    },
    {
        "id": "hd",
        "name": "HD",
        "default": False,
        "bitrate": 800,
        "constraints": {"width": 1280, "height": 720, "frameRate": 30},
    },
    {"id": "fhd", "name": "FHD", "hidden": True, "bitrate": 1500},
]

CLIENT_SETTINGS: dict[str, object] = {
    "public": {
        "app": {
            "bbbTabletApp": {"enabled": False},
            "defaultSettings": {"application": {"paginationEnabled": True}},
        },
        "kurento": {
            "cameraProfiles": CAMERA_PROFILES,
            "cameraQualityThresholds": {
                "enabled": True,
                "applyConstraints": False,
                "privilegedStreams": True,
                "debounceTime": 2500,
                "thresholds": [
                    {"threshold": 8, "profile": "low-u8"},
                    {"threshold": 12, "profile": "low-u12"},
                    {"threshold": 15, "profile": "low-u15"},
                    {"threshold": 20, "profile": "low-u20"},
                    {"threshold": 25, "profile": "low-u25"},
                    {"threshold": 30, "profile": "low-u30"},
                ],
            },
            "pagination": {
                "enabled": True,
                "pageChangeDebounceTime": 1000,
                "desktopPageSizes": {"moderator": 0, "viewer": 5},
                "mobilePageSizes": {"moderator": 2, "viewer": 2},
                "desktopGridSizes": {"moderator": 48, "viewer": 48},
                "mobileGridSizes": {"moderator": 14, "viewer": 14},
            },
            "paginationThresholds": {"enabled": False},
            "cameraSortingModes": {
                "defaultSorting": "LOCAL_ALPHABETICAL",
                "paginationSorting": "VOICE_ACTIVITY_LOCAL",
            },
            "screenshare": {
                "bitrate": 1500,
                "mediaTimeouts": {"timeout": 20000},
                "constraints": {"video": {"frameRate": {"ideal": 5, "max": 10}}},
            },
            "signalCandidates": False,
            "restartIce": False,
            "gatheringTimeout": 0,
        },
        "media": {
            "audio": {
                "defaultFullAudioBridge": "fullaudio",
                "defaultListenOnlyBridge": "fullaudio",
            },
            "transparentListenOnly": True,
            "fullAudioOffering": True,
            "listenOnlyOffering": False,
            "localEchoTest": {"enabled": True},
            "livekit": {"selectiveSubscription": False},
        },
        "stats": {"enabled": True, "interval": 10000, "timeout": 30000},
        "chat": {"public_group_id": "MAIN-PUBLIC-GROUP-CHAT", "typingIndicator": True},
        "whiteboard": {"cursorInterval": 150, "annotations": {"status": {}}},
    },
    "private": {},
}
