package peerid

import "github.com/shoal-tracker/shoal"

// shadow knows the style of Shadow's client: a letter and up to five characters
// of version, filled up to six with dashes, as in T03I--. Three characters
// follow that are mostly dashes; only a version of five needs them to be, having
// no dash of its own.
func shadow(id *shoal.PeerID) match {
	m := match{version: base64, at: 1}
	switch id[0] {
	case 'A':
		m.client = abc
	case 'O':
		m.client = osprey
	case 'Q':
		m.client = btQueue
	case 'R':
		m.client = tribler
	case 'S':
		m.client = shadows
	case 'T':
		m.client = bitTornado
	case 'U':
		m.client = upnp
	default:
		return match{}
	}
	end := 1
	for end < 6 && id[end] != '-' {
		if base64Value(id[end]) < 0 {
			return match{}
		}
		end++
	}
	dashes := id[end:6]
	if end == 6 {
		dashes = id[6:9]
	}
	if end < 3 || string(dashes) != "-----"[:len(dashes)] {
		return match{} // one character of version is too little to tell from chance
	}
	return m
}

// base64Value returns what b stands for in a version of Shadow's style, or -1.
// The style has 62 and 63 too, but no version was ever seen to need them.
func base64Value(b byte) int {
	switch {
	case digit(b):
		return int(b - '0')
	case b-'A' < 26:
		return int(b-'A') + 10
	case b-'a' < 26:
		return int(b-'a') + 36
	}
	return -1
}
