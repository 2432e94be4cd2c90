package wsload

import (
	"bytes"
	"encoding/json"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/population"
	"github.com/shoal-tracker/shoal/webtorrent"
)

// A name says who made an offer, and which of theirs it is, so that whoever is
// handed it can tell without a record.
type name struct {
	slot, generation uint32 // of the connection
	round            uint32 // the connection's announces, counted from 1
	index            int    // among the offers of that announce
}

const digits = 6 // of a number within a peer ID or an offer's ID

// id returns the offer's ID.
func (n name) id() (id webtorrent.OfferID) {
	putHex(id[0:6], n.slot)
	putHex(id[6:12], n.generation)
	putHex(id[12:18], n.round)
	putHex(id[18:20], uint32(n.index))
	return id
}

// nameOf reads an offer's ID.
func nameOf(id *webtorrent.OfferID) (n name, ok bool) {
	var index uint32
	var good [4]bool
	n.slot, good[0] = getHex(id[0:6])
	n.generation, good[1] = getHex(id[6:12])
	n.round, good[2] = getHex(id[12:18])
	index, good[3] = getHex(id[18:20])
	n.index = int(index)
	return n, good == [4]bool{true, true, true, true}
}

// peerIDOf returns the peer ID of a connection.
func peerIDOf(slot, generation uint32) (id shoal.PeerID) {
	const at = len(population.IDPrefix)
	copy(id[:], population.IDPrefix)
	putHex(id[at:at+digits], slot)
	putHex(id[at+digits:], generation)
	return id
}

// connectionOf reads a peer ID.
func connectionOf(id *shoal.PeerID) (slot, generation uint32, ok bool) {
	const at = len(population.IDPrefix)
	slot, first := getHex(id[at : at+digits])
	generation, second := getHex(id[at+digits:])
	return slot, generation, first && second && string(id[:at]) == population.IDPrefix
}

func putHex(to []byte, v uint32) {
	for i := len(to) - 1; i >= 0; i-- {
		to[i] = "0123456789abcdef"[v&15]
		v >>= 4
	}
}

func getHex(from []byte) (v uint32, ok bool) {
	for _, c := range from {
		switch {
		case c >= '0' && c <= '9':
			v = v<<4 | uint32(c-'0')
		case c >= 'a' && c <= 'f':
			v = v<<4 | uint32(c-'a'+10)
		default:
			return 0, false
		}
	}
	return v, true
}

// How long the offers and answers of a load may be, how many offers an announce
// may have, and how long that may be: what trackers must take of browsers.
const (
	MinSDP      = 200
	MaxSDP      = webtorrent.MaxSDP
	MaxOffers   = webtorrent.MaxOffers
	MaxAnnounce = webtorrent.MaxMessage
)

// Bytes of an announce besides its offers, and of an offer besides its
// description, at most.
const (
	aroundOffers = 512
	aroundOffer  = 64
)

// AnnounceSize returns how many bytes an announce has at most.
func AnnounceSize(offers, sdp int) int { return aroundOffers + offers*(sdp+aroundOffer) }

// form is the session description of all offers, or of all answers: they differ
// in whose they are and to which offer they belong.
type form struct {
	kind     string
	text     []byte // a JSON object
	id, peer int    // where these two stand in it
}

const (
	blank     = "00000000000000000000"
	candidate = `a=candidate:1 1 udp 2113937151 192.168.1.10 51234 typ host generation 0\r\n`
)

// newForm makes one of size bytes, with as many candidates as fit.
func newForm(kind string, size int) form {
	f := form{kind: kind}
	f.text = append(f.text, `{"type":"`+kind+`","sdp":"v=0\r\no=- `...)
	f.id = len(f.text)
	f.text = append(f.text, blank+` 2 IN IP4 127.0.0.1\r\ns=`...)
	f.peer = len(f.text)
	f.text = append(f.text, blank+`\r\nt=0 0\r\n`...)
	const end = `"}`
	for len(f.text)+len(candidate)+len(end) <= size {
		f.text = append(f.text, candidate...)
	}
	f.text = append(f.text, bytes.Repeat([]byte{'x'}, max(0, size-len(f.text)-len(end)))...)
	f.text = append(f.text, end...)
	return f
}

// write appends the description that belongs to an offer, by a peer.
func (f *form) write(dst []byte, id *webtorrent.OfferID, peer *shoal.PeerID) []byte {
	start := len(dst)
	dst = append(dst, f.text...)
	copy(dst[start+f.id:], id[:])
	copy(dst[start+f.peer:], peer[:])
	return dst
}

// is reports whether raw says what write does. Trackers may spell it otherwise.
func (f *form) is(raw []byte, id *webtorrent.OfferID, peer *shoal.PeerID) bool {
	const n = len(blank)
	if len(raw) == len(f.text) &&
		bytes.Equal(raw[:f.id], f.text[:f.id]) && bytes.Equal(raw[f.id:f.id+n], id[:]) &&
		bytes.Equal(raw[f.id+n:f.peer], f.text[f.id+n:f.peer]) && bytes.Equal(raw[f.peer:f.peer+n], peer[:]) &&
		bytes.Equal(raw[f.peer+n:], f.text[f.peer+n:]) {
		return true
	}
	var got, want map[string]any
	if json.Unmarshal(raw, &got) != nil || json.Unmarshal(f.write(nil, id, peer), &want) != nil {
		return false
	}
	return len(got) == 2 && got["type"] == want["type"] && got["sdp"] == want["sdp"]
}
