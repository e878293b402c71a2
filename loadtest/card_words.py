"""The words that a node card may say of a machine and its software. Data.

Makers, systems, processors and BigBlueButton's own packages and settings: whatever a
node tells of itself beside these words stays private (`loadtest.publishing`). A word
that is missing here costs a card a fact, and nobody a secret.
"""

import re
from typing import Final

WORKERS: Final = "mediasoup workers"
SYSTEMS: Final = frozenset(
    "Ubuntu Debian GNU/Linux LTS AlmaLinux Rocky Linux bookworm bullseye trixie jammy "
    "noble focal bionic".split()
)
FLAVOURS: Final = frozenset(
    "generic amd64 arm64 x86_64 aarch64 cloud pve aws azure gcp kvm virtual lowlatency "
    "hwe oem rt realtime hardened".split()
)
MAKERS: Final = frozenset(
    "QEMU KVM Standard PC Q35 i440FX PIIX ICH9 Bochs Xen HVM domU VMware Inc. Inc "
    "Virtual Platform Machine VirtualBox innotek GmbH Oracle Corporation Microsoft "
    "OpenStack Foundation Nova Hetzner vServer DigitalOcean Droplet Vultr Linode "
    "Scaleway OVH netcup Amazon EC2 Google Compute Engine Dell PowerEdge HP HPE "
    "ProLiant Gen8 Gen9 Gen10 Gen11 Plus Hewlett-Packard Hewlett Packard Enterprise "
    "Lenovo ThinkSystem Supermicro Super Server Micro Computer Fujitsu PRIMERGY ASUS "
    "ASUSTeK COMPUTER INC. ASRock ASRockRack Rack Gigabyte Technology Co. Ltd. MSI "
    "Micro-Star International Intel AMD".split()
)
PROCESSORS: Final = frozenset(
    "Intel AMD ARM Xeon Gold Silver Bronze Platinum Core Pentium Celeron Atom i3 i5 i7 "
    "i9 CPU E3 E5 E7 D W EPYC EPYC-Milan EPYC-Rome EPYC-Genoa Ryzen Threadripper PRO "
    "Processor Opteron Ampere Altra Neoverse-N1 Neoverse-N2 Neoverse-V1 QEMU Virtual "
    "Common KVM processor Broadwell Haswell Skylake Cascadelake Icelake "
    "Sapphirerapids Skylake-Server IBRS Cascadelake-Server Icelake-Server".split()
)
PACKAGES: Final = frozenset(
    f"bbb-{name}"
    for name in "apps-akka config etherpad export-annotations freeswitch-core "
    "freeswitch-sounds fsesl-akka graphql-actions graphql-middleware graphql-server "
    "html5 learning-dashboard libreoffice-docker livekit mkclean pads playback "
    "playback-presentation record-core web webrtc-recorder webrtc-sfu".split()
) | {"bigbluebutton"}
SETTINGS: Final = frozenset(
    (
        WORKERS,
        "graphql max connections",
        "nginx worker connections",
        "open files",
        "max cameras per user",
        "max cameras per page",
        "max participants",
        "audio bridge",
        "camera bridge",
        "screen share bridge",
        "transparent listen only",
        "recording",
    )
)
"""Of `bbbload_fact{name="setting …"}`; values are numbers, on and off, or a bridge."""
SETTING_VALUE: Final = re.compile(
    r"\d{1,7}|on|off|true|false|freeswitch|bbb-webrtc-sfu|livekit"
)
