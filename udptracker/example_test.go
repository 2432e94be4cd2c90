package udptracker_test

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/udptracker"
)

// A tracker reads an announce and answers it in one buffer.
func Example_tracker() {
	packet := udptracker.AppendAnnounce(nil, 0x1122334455667788, 42, &shoal.AnnounceRequest{
		InfoHash: shoal.InfoHash{1, 2, 3},
		Addr:     netip.MustParseAddrPort("192.0.2.1:6881"),
		Left:     1 << 20,
		NumWant:  shoal.NumWantDefault,
		Event:    shoal.EventStarted,
	}, 0, "/announce")
	from := netip.MustParseAddr("198.51.100.7")

	header, ok := udptracker.ParseHeader(packet)
	if !ok || header.Action != udptracker.ActionAnnounce {
		return
	}
	// Here the connection ID has to be checked.
	req := shoal.AnnounceRequest{Addr: netip.AddrPortFrom(from, 0)}
	if failure := udptracker.ParseAnnounce(packet, &req); failure != shoal.OK {
		return
	}
	path := udptracker.AppendURLData(nil, packet[udptracker.AnnounceSize:])
	fmt.Println(req.InfoHash, req.Addr, req.Event, string(path))

	room := make([]byte, udptracker.AnnounceHeader, 1216)
	res := shoal.AnnounceResponse{Interval: 1800, Complete: 1, Incomplete: 2, Peers4: room[udptracker.AnnounceHeader:]}
	res.Peers4 = append(res.Peers4, 192, 0, 2, 9, 0x1a, 0xe1)
	udptracker.PutAnnounceHeader(room, header.Transaction, &res)
	fmt.Printf("% x\n", room[:len(room)+len(res.Peers4)])
	// Output:
	// 0102030000000000000000000000000000000000 198.51.100.7:6881 started /announce
	// 00 00 00 01 00 00 00 2a 00 00 07 08 00 00 00 02 00 00 00 01 c0 00 02 09 1a e1
}

// A client reads the counts of its torrents in the order it asked for them.
func ExampleParseScrapeReply() {
	reply := udptracker.AppendScrapeReply(nil, 42, []shoal.ScrapeCounts{{Complete: 5, Downloaded: 9, Incomplete: 3}})

	counts, err := udptracker.ParseScrapeReply(reply, 42, nil)
	fmt.Println(counts, err)
	// Output: [{5 9 3}] <nil>
}

// A tracker's refusal is a RemoteError, whatever was asked.
func ExampleRemoteError() {
	reply := udptracker.AppendError(nil, 42, "not today")

	_, err := udptracker.ParseConnectReply(reply, 42)
	if remote, ok := errors.AsType[*udptracker.RemoteError](err); ok {
		fmt.Println(remote.Text)
	}
	// Output: not today
}
