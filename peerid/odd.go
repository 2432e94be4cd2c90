package peerid

import "github.com/shoal-tracker/shoal"

// A prefix is how a client begins that follows no style.
type prefix struct {
	begins  string
	digits  int // that must follow, or a short prefix would turn up by chance
	client  client
	version convention // follows the prefix
}

// prefixes are sorted by their first byte.
var prefixes = [...]prefix{
	{"10-------", 0, jvTorrent, silent},
	{"271-", 0, greedBT, silent},
	{"346-", 0, torrenTopia, silent},
	{"A2-", 1, aria2, numbered},
	{"AZ2500BT", 0, bitTyrant, silent},
	{"Azureus", 0, vuze, silent},
	{"BLZ", 0, blizzard, silent},
	{"BTDWV-", 0, deadman, silent},
	{"BTM", 2, bTuga, silent},
	{"DansClient", 0, xanTorrent, silent},
	{"Deadman", 0, deadman, silent},
	{"FUTB", 0, bitComet, twoBytes},
	{"HTTPBT", 0, bitSpirit, silent},
	{"LIME", 0, limeWire, silent},
	{"Mbrst", 1, burst, spaced},
	{"OP", 4, opera, build},
	{"P87.P---", 0, plus, silent},
	{"PEERAPP", 0, peerApp, silent},
	{"PRC.P---", 0, plus, silent},
	{"Pando", 0, pando, silent},
	{"Plus", 0, plus, silent},
	{"QVOD", 0, qvod, four},
	{"S3-", 1, amazonS3, numbered},
	{"T00---0", 0, teeweety, silent},
	{"TIX", 4, tixati, decimal},
	{"UDP0", 0, bitSpirit, silent},
	{"XBT", 3, xbt, debugged},
	{"a00---0", 0, swarmy, silent},
	{"a02---0", 0, swarmy, silent},
	{"arclight", 0, arclight, silent},
	{"btpd", 0, btpd, silent},
	{"btuga", 0, bTuga, silent},
	{"eX", 0, eXeem, silent},
	{"exbc", 0, bitComet, twoBytes},
	{"martini", 0, martini, silent},
	{"oernu", 0, bTuga, silent},
	{"turbobt", 0, turboBT, silent},
	{"xUTB", 0, bitComet, twoBytes},
}

// firstPrefix is the row of prefixes where those with this first byte begin;
// where there are none, len(prefixes).
var firstPrefix = func() (first [256]uint8) {
	for b := range first {
		first[b] = uint8(len(prefixes))
	}
	for i := len(prefixes) - 1; i >= 0; i-- {
		first[prefixes[i].begins[0]] = uint8(i)
	}
	return first
}()

// odd knows the clients that mark their IDs in ways of their own.
func odd(id *shoal.PeerID) match {
	for i := int(firstPrefix[id[0]]); i < len(prefixes); i++ {
		p := &prefixes[i]
		if p.begins[0] != id[0] {
			break
		}
		if p.begins[1] != id[1] {
			continue // the usual case, and cheaper than comparing strings
		}
		n := len(p.begins)
		if string(id[:n]) != p.begins || !digits(id[n:n+p.digits]) {
			continue
		}
		m := match{p.client, p.version, uint8(n)}
		if p.client == bitComet && string(id[6:10]) == "LORD" {
			m.client = bitLord // the same mark, and its own name behind the version
		}
		return m
	}
	switch {
	case id[2] == 'R' && id[3] == 'S' && digits(id[:2]):
		return match{rufus, pair, 0}
	case id[2] == 'B' && id[3] == 'S' && id[0] == 0 && (id[1] == 2 || id[1] == 3):
		return match{client: bitSpirit}
	case id[0] == 'A' && id[1] == 'P' && digit(id[2]) && id[3] == '.':
		return match{allPeers, dotted, 2}
	case id[4] == 'b' && string(id[4:10]) == "btfans":
		return match{client: simpleBT}
	case id[5] == 'A' && string(id[5:12]) == "Azureus":
		return match{client: vuze}
	case id[5] == 'B' && string(id[5:10]) == "BTuga":
		return match{client: bTuga}
	}
	return match{}
}
