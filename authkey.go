package shoal

import (
	"bytes"
	"crypto/sha256"
)

// Characters that a key of a private tracker may have.
const (
	MinAuthKey = 16
	MaxAuthKey = 64
)

// AuthKey stands for the key of a private tracker that a request carries: the
// first 16 bytes of the key's SHA-256, so that keys are compared without
// telling by the time it takes how much of one was right. It has nothing to do
// with the parameter key of HTTP and BEP 15, which trackers pass over.
//
// The zero AuthKey is that of a request that carries none.
type AuthKey [16]byte

// invalidAuthKey is what a malformed key becomes. No key can be found whose hash
// it is.
var invalidAuthKey = AuthKey{15: 1}

// ParseAuthKey returns what stands for a key: 16 to 64 of the characters that a
// URL takes as they are (letters, digits and "-._~"). Nothing is no key, anything
// else an invalid one.
func ParseAuthKey(text []byte) AuthKey {
	switch {
	case len(text) == 0:
		return AuthKey{}
	case len(text) < MinAuthKey || len(text) > MaxAuthKey:
		return invalidAuthKey
	}
	for _, c := range text {
		if !inAuthKey[c] {
			return invalidAuthKey
		}
	}
	sum := sha256.Sum256(text)
	return AuthKey(sum[:])
}

// None reports whether no key was given.
func (k AuthKey) None() bool { return k == AuthKey{} }

// Invalid reports whether what was given cannot be a key.
func (k AuthKey) Invalid() bool { return k == invalidAuthKey }

// AuthKeyOfURL returns the key in path and query of an announce URL. It may stand
// behind or before the segment that says what is asked for (/announce/KEY,
// /KEY/announce, the same with scrape), be the only segment (/KEY), or be the
// parameter passkey. The first of these, in this order, that can be a key is it;
// what else is there does not matter. A key that cannot be one is only reported
// where no other is. Nothing is unescaped: no character of a key has to be
// escaped.
func AuthKeyOfURL(target []byte) AuthKey {
	path, query := cut(target, '?')
	key := authKeyOfPath(path)
	for len(query) > 0 && !key.usable() {
		var part []byte
		part, query = cut(query, '&')
		if value, ok := bytes.CutPrefix(part, []byte("passkey=")); ok {
			return key.or(ParseAuthKey(value))
		}
	}
	return key
}

// authKeyOfPath looks at the neighbours of the last segment that says what is
// asked for. Without one the only segment is taken for a key, if it can be one:
// WebTorrent clients are given any path.
func authKeyOfPath(path []byte) AuthKey {
	var before, after, last []byte
	asked, segments := false, 0
	for len(path) > 0 {
		var segment []byte
		segment, path = cut(path, '/')
		switch {
		case len(segment) == 0:
			continue
		case string(segment) == "announce", string(segment) == "scrape":
			before, after, asked = last, nil, true
		case asked && after == nil:
			after = segment
		}
		last = segment
		segments++
	}
	if asked {
		return ParseAuthKey(after).or(ParseAuthKey(before))
	}
	if key := ParseAuthKey(last); segments == 1 && key.usable() {
		return key
	}
	return AuthKey{}
}

// cut is bytes.Cut at one byte, which is found sooner.
func cut(b []byte, at byte) (before, after []byte) {
	if i := bytes.IndexByte(b, at); i >= 0 {
		return b[:i], b[i+1:]
	}
	return b, nil
}

// usable reports whether k is neither none nor invalid.
func (k AuthKey) usable() bool { return !k.None() && !k.Invalid() }

// or returns k if it is usable, and otherwise what other says, unless that is
// nothing.
func (k AuthKey) or(other AuthKey) AuthKey {
	if k.usable() || other.None() {
		return k
	}
	return other
}

var inAuthKey = func() (set [256]bool) {
	for _, c := range []byte("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~") {
		set[c] = true
	}
	return set
}()
