package udpload

import (
	"encoding/binary"

	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/check"
	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/plan"
	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/report"
	"github.com/shoal-tracker/shoal/udptracker"
)

// take judges one packet that came in at a socket.
func (w *worker) take(packet []byte, socket int, now int64) {
	w.tally.In += uint64(len(packet))
	if len(packet) < udptracker.ReplyHeader {
		w.tally.WrongStray(report.WrongLength, "shorter than any reply", packet)
		return
	}
	transaction := binary.BigEndian.Uint32(packet[4:])
	s, late := w.table.find(transaction, socket)
	if s == nil {
		if late {
			w.tally.Late++
		} else {
			w.tally.WrongStray(report.WrongTransaction, "a transaction that nobody waits for", packet)
		}
		return
	}
	w.tally.Latency(now - s.at)
	w.tally.Last = now
	w.table.release(transaction)
	w.judge(packet, s, socket, now)
}

// judge counts the answer to a request.
func (w *worker) judge(packet []byte, s *slot, socket int, now int64) {
	action := binary.BigEndian.Uint32(packet)
	switch {
	case action == udptracker.ActionError:
		w.tally.Error(packet[udptracker.ReplyHeader:])
		w.sockets[socket].stale = true
	case s.kind == plan.Connect && action == udptracker.ActionConnect:
		if len(packet) < udptracker.ConnectSize {
			w.tally.Wrong(report.WrongLength, "answer to a connect", packet)
			return
		}
		w.sockets[socket].renewed(binary.BigEndian.Uint64(packet[8:]), now)
		w.tally.Answered[plan.Connect]++
	case s.kind == plan.Announce && action == udptracker.ActionAnnounce:
		w.judgeAnnounce(packet, s.peer)
	case s.kind == plan.Scrape && action == udptracker.ActionScrape:
		counts := packet[udptracker.ReplyHeader:]
		if len(counts) != w.plan.Hashes*udptracker.CountsSize { // BEP 15: one entry for each hash
			w.tally.Wrong(report.WrongLength, "answer to a scrape", packet)
			return
		}
		w.judgeScrape(counts, packet)
	default:
		w.tally.Wrong(report.WrongAction, "answer to "+s.kind.String(), packet)
	}
}

func (w *worker) judgeScrape(counts, packet []byte) {
	for ; len(counts) > 0; counts = counts[udptracker.CountsSize:] {
		t := check.Torrent{
			Seeders:   uint64(binary.BigEndian.Uint32(counts)),
			Completed: uint64(binary.BigEndian.Uint32(counts[4:])),
			Leechers:  uint64(binary.BigEndian.Uint32(counts[8:])),
		}
		if !w.checker.Torrent(t, packet) {
			return
		}
	}
	w.tally.Answered[plan.Scrape]++
}

func (w *worker) judgeAnnounce(packet []byte, peer uint64) {
	if len(packet) < udptracker.AnnounceHeader {
		w.tally.Wrong(report.WrongLength, "answer to an announce", packet)
		return
	}
	answer := check.Answer{
		Peer:     peer,
		Interval: uint64(binary.BigEndian.Uint32(packet[8:])),
		Counted:  uint64(binary.BigEndian.Uint32(packet[12:])) + uint64(binary.BigEndian.Uint32(packet[16:])),
		Raw:      packet,
	}
	if peers := packet[udptracker.AnnounceHeader:]; w.ipv6 {
		answer.Peers6 = peers
	} else {
		answer.Peers4 = peers
	}
	w.checker.Announce(&answer)
}
