package udpserver

import (
	"net/netip"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/udptracker"
)

// Peers in an answer at most. With its header an answer then has 620 or 1,100
// bytes: any path carries it whole, because every IPv6 link carries 1,232.
const (
	maxPeers4 = 100
	maxPeers6 = 60
)

// packet answers one datagram in its slot of the batch, or gathers it when it
// is an announce. The order matters: nothing is parsed further and nothing is
// answered before the connection ID has been checked.
func (w *worker) packet(slot int, data []byte, from netip.AddrPort, epoch uint64, own *ownListeners) {
	h, ok := udptracker.ParseHeader(data)
	switch {
	case !ok:
		w.tally[short]++
		return
	case from.Port() == 0:
		// No answer can be addressed to it.
		w.tally[portZero]++
		return
	case own.contains(from):
		w.tally[ownAddress]++
		return
	case h.Action == udptracker.ActionError:
		// No request is one. Answering an error with an error is how two
		// servers, set upon each other by a forged packet, never stop.
		w.tally[errorPackets]++
		return
	case h.Action == udptracker.ActionConnect:
		w.connect(slot, h, from, epoch)
		return
	case !w.ids.valid(h.ConnectionID, from.Addr(), epoch):
		w.tally[unverified]++
		return
	}
	switch h.Action {
	case udptracker.ActionAnnounce:
		w.announce(slot, h, data, from)
	case udptracker.ActionScrape:
		w.scrape(slot, h, data)
	default:
		w.refuse(slot, h.Transaction, shoal.ActionUnknown)
	}
}

// connect never answers more bytes than were sent, which leaves nothing to gain
// by forging the source.
func (w *worker) connect(slot int, h udptracker.Header, from netip.AddrPort, epoch uint64) {
	if h.ConnectionID != udptracker.ProtocolID {
		w.tally[unverified]++
		return
	}
	b := udptracker.AppendConnectReply(w.batch.Reply(slot), h.Transaction, w.ids.issue(from.Addr(), epoch))
	w.reply(slot, len(b))
	w.tally[connects]++
}

// announce gathers an announce. Its peers will be appended where they are sent
// from: behind the room of the header, in the family of the packet, which is
// all that the reply can carry.
func (w *worker) announce(slot int, h udptracker.Header, data []byte, from netip.AddrPort) {
	n := w.announces
	req, res := &w.requests[n], &w.responses[n]
	req.Addr = netip.AddrPortFrom(from.Addr(), 0)
	if f := udptracker.ParseAnnounce(data, req); f != shoal.OK {
		w.refuse(slot, h.Transaction, f)
		return
	}
	const begin = udptracker.AnnounceHeader
	room := w.batch.Reply(slot)
	if from.Addr().Is4() {
		res.Peers4, res.Peers6 = room[begin:begin:begin+maxPeers4*shoal.CompactSize4], nil
	} else {
		res.Peers4, res.Peers6 = nil, room[begin:begin:begin+maxPeers6*shoal.CompactSize6]
	}
	w.slots[n], w.transactions[n] = slot, h.Transaction
	w.announces++
}

func (w *worker) scrape(slot int, h udptracker.Header, data []byte) {
	hashes, f := udptracker.ParseScrape(data, w.hashes[:0])
	if f != shoal.OK {
		w.refuse(slot, h.Transaction, f)
		return
	}
	counts := w.counts[:len(hashes)]
	// No scrape of BEP 15 can carry a key. On a private tracker it is answered with
	// zeroes: an error would have clients count a tracker as broken that works.
	_ = w.tracker.Scrape(shoal.AuthKey{}, hashes, counts)
	b := udptracker.AppendScrapeReply(w.batch.Reply(slot), h.Transaction, counts)
	w.reply(slot, len(b))
	w.tally[scrapes]++
}
