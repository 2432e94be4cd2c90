package httptracker_test

import (
	"fmt"
	"net/netip"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/httptracker"
)

// What a server does with an announce.
func ExampleParseAnnounce() {
	query := []byte("info_hash=%124Vx%9A%BC%DE%F1%23Eg%89%AB%CD%EF%124Vx%9A&peer_id=-SH0001-abcdefghijkl&port=6881&left=0")
	req := shoal.AnnounceRequest{Addr: netip.MustParseAddrPort("192.0.2.1:50123")} // from the connection
	var form httptracker.Form
	if failure := httptracker.ParseAnnounce(query, &req, &form); failure != shoal.OK {
		fmt.Printf("%s\n", httptracker.AppendFailure(nil, failure))
		return
	}
	fmt.Println(req.InfoHash, req.Addr, "seeder:", req.Seeder())

	res := shoal.AnnounceResponse{Interval: 1800, MinInterval: 300, Complete: 1}
	fmt.Printf("%s\n", httptracker.AppendAnnounce(nil, &res, netip.Addr{}))
	// Output:
	// 123456789abcdef123456789abcdef123456789a 192.0.2.1:6881 seeder: true
	// d8:completei1e10:incompletei0e8:intervali1800e12:min intervali300e5:peers0:e
}

// How a server puts a reply around peers that stand in its buffer already.
func ExamplePrependAnnounce() {
	buf := make([]byte, httptracker.Headroom, 1024)
	res := shoal.AnnounceResponse{Interval: 1800, MinInterval: 300, Complete: 1, Incomplete: 1}
	buf = append(buf, "ABCDEF"...) // the swarm's work: one peer
	res.Peers4 = buf[httptracker.Headroom:]

	buf = httptracker.AppendAnnounceTail(buf, &res)
	start := httptracker.PrependAnnounce(buf, httptracker.Headroom, &res, netip.Addr{})
	fmt.Printf("%s\n", buf[start:])
	// Output: d8:completei1e10:incompletei1e8:intervali1800e12:min intervali300e5:peers6:ABCDEFe
}

// What a client does.
func ExampleParseAnnounceReply() {
	req := shoal.AnnounceRequest{
		Addr: netip.MustParseAddrPort("0.0.0.0:6881"), Left: shoal.LeftUnknown,
		NumWant: 10, Event: shoal.EventStarted,
	}
	copy(req.InfoHash[:], "an info hash's bytes")
	copy(req.PeerID[:], "-SH0001-abcdefghijkl")
	fmt.Printf("%s\n", httptracker.AppendAnnounceQuery(nil, &req))

	reply, err := httptracker.ParseAnnounceReply([]byte("d8:intervali1800e5:peers6:\xc0\x00\x02\x01\x1a\xe1e"))
	fmt.Println(reply.Interval, reply.Peers, err)
	// Output:
	// info_hash=an%20info%20hash%27s%20bytes&peer_id=-SH0001-abcdefghijkl&port=6881&uploaded=0&downloaded=0&numwant=10&event=started&compact=1
	// 1800 [192.0.2.1:6881] <nil>
}

func ExampleParseScrape() {
	hashes, failure := httptracker.ParseScrape([]byte("info_hash=aaaaaaaaaaaaaaaaaaaa"), nil)
	fmt.Println(len(hashes), failure == shoal.OK)

	counts := []shoal.ScrapeCounts{{Complete: 5, Downloaded: 9, Incomplete: 3}}
	fmt.Printf("%s\n", httptracker.AppendScrape(nil, hashes, counts, 900))
	// Output:
	// 1 true
	// d5:filesd20:aaaaaaaaaaaaaaaaaaaad8:completei5e10:downloadedi9e10:incompletei3eee5:flagsd20:min_request_intervali900eee
}
