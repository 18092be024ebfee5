#!/bin/sh
# Makes agent-threat-rules.jsonl again from the package on npm. Needs npm and a built `holdshort` (first argument).
set -eu
version=4.0.0
sum=3bf616f21971547bc4a1da4cac173adaf75f182f626dd4434f1cf6ab557a2ddb
holdshort=$(realpath "${1:?usage: import.sh HOLDSHORT}")
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm pack --silent "agent-threat-rules@$version" > /dev/null
echo "$sum  agent-threat-rules-$version.tgz" | sha256sum --check --quiet
tar xzf "agent-threat-rules-$version.tgz"
"$holdshort" rules import --stable --to "$here/agent-threat-rules.jsonl" package/rules
