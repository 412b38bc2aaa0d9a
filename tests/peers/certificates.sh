#!/usr/bin/env bash
# Makes the keys and certificates of Polder's tests with openssl alone: certificates.sh DIR
#
#   ca                  the authority that both sides trust        wrong-ca             one that nobody trusts
#   server              localhost and 127.0.0.1                    server-othername     elsewhere.example
#   expired-server      as server, its time is over
#   client              with the role "operator"                   client-norole        without a role
#   expired-client      as client, its time is over                soon-client          as client, ends in 5 days
#   other-client        as client, of the wrong authority
#
# Each is NAME.pem with its key NAME.key (EC P-256, PKCS#8, mode 600). Files that are there already are made anew.
set -euo pipefail

[ $# = 1 ] || { echo "usage: certificates.sh DIR" >&2; exit 1; }
mkdir -p "$1"
cd "$1"
umask 077
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

cat >"$scratch/config" <<END
[req]
distinguished_name = name
prompt = no
[name]
O = Polder tests

# 'openssl ca' is the one that sets both ends of a validity.
[ca]
default_ca = authority
[authority]
database = $scratch/index
new_certs_dir = $scratch
rand_serial = yes
unique_subject = no
default_md = sha256
policy = anything
[anything]
organizationName = optional
commonName = supplied

[authority_certificate]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
subjectAltName = DNS:localhost, IP:127.0.0.1
extendedKeyUsage = serverAuth
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[server_elsewhere]
subjectAltName = DNS:elsewhere.example
extendedKeyUsage = serverAuth
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[client]
# The role of Modbus/TCP Security.
1.3.6.1.4.1.50316.802.1 = ASN1:UTF8String:operator
extendedKeyUsage = clientAuth
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[client_without_role]
extendedKeyUsage = clientAuth
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
END
: >"$scratch/index"

# Says nothing unless it fails.
quiet() {
    if ! "$@" >"$scratch/said" 2>&1; then
        cat "$scratch/said" >&2
        exit 1
    fi
}
key=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -config "$scratch/config")

# authority NAME
authority() {
    quiet openssl req -x509 "${key[@]}" -days 3650 -extensions authority_certificate -subj "/O=Polder tests/CN=$1" \
        -keyout "$1.key" -out "$1.pem"
}

# certificate NAME AUTHORITY KIND DAYS|expired
certificate() {
    quiet openssl req -new "${key[@]}" -subj "/O=Polder tests/CN=$1" -keyout "$1.key" -out "$scratch/request"
    local validity=(-days "$4")
    if [ "$4" = expired ]; then validity=(-startdate 20200101000000Z -enddate 20210101000000Z); fi
    quiet openssl ca -batch -notext -config "$scratch/config" -extensions "$3" "${validity[@]}" \
        -cert "$2.pem" -keyfile "$2.key" -in "$scratch/request" -out "$1.pem"
}

authority ca
authority wrong-ca
certificate server ca server 3650
certificate server-othername ca server_elsewhere 3650
certificate expired-server ca server expired
certificate client ca client 3650
certificate client-norole ca client_without_role 3650
certificate expired-client ca client expired
certificate soon-client ca client 5
certificate other-client wrong-ca client 3650
# Certificates are public: a peer that runs as another user may read them.
chmod 644 ./*.pem
