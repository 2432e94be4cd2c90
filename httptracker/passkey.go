package httptracker

import "github.com/shoal-tracker/shoal"

// Passkey returns the key of a private tracker in the query of an announce or a
// scrape, without its '?': that of the parameter passkey. Keys in the path are
// not seen here.
func Passkey(query []byte) shoal.AuthKey {
	p := newParameters(query)
	for {
		name, value, ok := p.next()
		if !ok {
			return shoal.AuthKey{}
		}
		if string(name) == "passkey" {
			return parsePasskey(value)
		}
	}
}

// parsePasskey reads the value of a passkey parameter.
func parsePasskey(value []byte) shoal.AuthKey {
	var room [shoal.MaxAuthKey + 1]byte // one more, so that what is too long is seen to be
	n := unescape(room[:], value)
	if n < 0 {
		n = len(room)
	}
	return shoal.ParseAuthKey(room[:n])
}
