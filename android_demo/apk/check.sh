#!/usr/bin/env bash
# check.sh FOLDER PACKAGE CLASS…: says what is wrong with the APK in FOLDER, and otherwise its size.
set -euo pipefail
cd "$1"
package=$2
shift 2
apk=app-debug.apk

fail() { echo "$apk: $1" >&2; exit 1; }

badging=$(aapt dump badging $apk)
for line in "package: name='$package'" "sdkVersion:'26'" "targetSdkVersion:'34'" \
    "native-code: 'arm64-v8a' 'x86_64'"; do
    grep -qF "$line" <<< "$badging" || fail "its badging lacks $line"
done
zipalign -c -p 4 $apk > /dev/null || fail "it is not aligned"
signature=$(apksigner verify --verbose $apk)
for scheme in v2 v3; do
    grep -q "Verified using $scheme scheme.*: true" <<< "$signature" || fail "it has no signature of scheme $scheme"
done

entries=$(zipinfo "$apk")
for abi in arm64-v8a x86_64; do
    grep -q "stor.*lib/$abi/libtensorflowlite_jni.so" <<< "$entries" || fail "TFLite's library for $abi is not stored"
done
if grep "assets/" <<< "$entries" | grep -qv " stor "; then fail "an asset is compressed"; fi
if [ "$package" = edge.app ]; then
    grep -q "launchable-activity: name='edge.app.MainActivity'" <<< "$badging" || fail "it can't be started"
    grep -q "assets/families/digits/manifest.json" <<< "$entries" || fail "the digits are missing"
    grep -q "assets/families/separator/manifest.json" <<< "$entries" || fail "the separator is missing"
fi

unzip -qo unsigned.apk classes.dex
code=$(mktemp)
trap 'rm -f "$code"' EXIT
dexdump -d classes.dex > "$code"
if grep -q "invoke-custom" "$code"; then fail "invoke-custom is left, which Android 8 can't run"; fi
for class in "$@" edge/family/Runner org/tensorflow/lite/NativeInterpreterWrapper; do
    grep -q "Class descriptor  : 'L$class;'" "$code" || fail "the class $class is missing"
done
echo "$package: $(stat --format %s $apk) bytes, $(sha256sum unsigned.apk | cut -c1-16) unsigned"
