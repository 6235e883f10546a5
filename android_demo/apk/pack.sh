#!/usr/bin/env bash
# pack.sh FOLDER KEY: makes unsigned.apk and app-debug.apk of resources.apk and staged/ in FOLDER, with equal bytes from
# equal inputs. KEY is made if it is missing: all APKs of this machine are signed by it.
set -euo pipefail
cd "$1"
export TZ=UTC LC_ALL=C
key=$2

cp resources.apk packed.apk
find staged -exec touch --date '1981-01-01 00:00:00' {} +
(cd staged && find . -type f -name '*.dex' | sed 's,^\./,,' | sort | zip --quiet -X -D ../packed.apk -@)
(cd staged && find lib -type f | sort | zip --quiet -X -D -0 ../packed.apk -@) # stored: the system maps them
zipalign -f -p 4 packed.apk unsigned.apk
rm packed.apk

if [ ! -f "$key" ]; then
    keytool -genkeypair -keystore "$key" -storetype PKCS12 -storepass android -alias debug -dname CN=debug \
        -keyalg RSA -keysize 2048 -validity 10000 2> /dev/null
fi
apksigner sign --ks "$key" --ks-pass pass:android --min-sdk-version 26 --v1-signing-enabled false \
    --v2-signing-enabled true --v3-signing-enabled true --v4-signing-enabled false --out app-debug.apk unsigned.apk
