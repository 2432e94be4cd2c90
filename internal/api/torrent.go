package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/shoal-tracker/shoal/internal/swarm"
)

// mostShownPeers is how many peers a torrent is shown with.
const mostShownPeers = 1000

// kind is how many peers of one kind a torrent has.
type kind struct {
	Seeders  uint32 `json:"seeders"`
	Leechers uint32 `json:"leechers"`
}

// shownTorrent is one torrent with peers: Torrust's fields, then ours.
type shownTorrent struct {
	InfoHash   string  `json:"info_hash"`
	Seeders    uint64  `json:"seeders" doc:"Of all kinds"`
	Completed  uint64  `json:"completed" doc:"How often it was downloaded"`
	Leechers   uint64  `json:"leechers" doc:"Of all kinds"`
	Peers      []peer  `json:"peers" nullable:"false" maxItems:"1000" doc:"The first 1,000"`
	PeersNext  *string `json:"peers_next" doc:"What the next page of /torrent/{info_hash}/peers is behind; null: these are all"`
	IPv4       kind    `json:"ipv4" doc:"Peers of UDP and HTTP at IPv4 addresses"`
	IPv6       kind    `json:"ipv6" doc:"Peers of UDP and HTTP at IPv6 addresses"`
	WebTorrent kind    `json:"webtorrent" doc:"Browsers"`
}

func (s *Server) registerTorrent(api huma.API) {
	const one = "/torrent/{info_hash}"
	huma.Register(api, read(route(http.MethodGet, one, "torrents", "A torrent with its first 1,000 peers", http.StatusNotFound)), s.getTorrent)
	huma.Register(api, admin(route(http.MethodDelete, one, "torrents",
		"Take a torrent and all its peers out of the swarm; those that announce again come back", http.StatusServiceUnavailable)), s.deleteTorrent)
	huma.Register(api, read(route(http.MethodGet, one+"/peers", "torrents", "The peers of a torrent, a page at a time", http.StatusNotFound)), s.listPeers)
}

func (s *Server) getTorrent(_ context.Context, in *hashPath) (*reply[shownTorrent], error) {
	hash, err := in.hash()
	if err != nil {
		return nil, err
	}
	t, found := s.o.Swarm.Torrent(hash)
	if !found {
		return nil, huma.Error404NotFound(notHeld)
	}
	peers, next, _ := s.o.Swarm.Peers(hash, swarm.PeerCursor{}, mostShownPeers) // none, if it went meanwhile
	shown := shownTorrent{
		InfoHash: hash.String(), Seeders: t.Seeders(), Completed: uint64(t.Completed), Leechers: t.Leechers(),
		Peers: s.show(peers), PeersNext: nextPeers(next), IPv4: kind(t.IPv4), IPv6: kind(t.IPv6), WebTorrent: kind(t.Browsers),
	}
	return replied(shown), nil
}

const notHeld = "nobody is in this torrent"

func (s *Server) deleteTorrent(ctx context.Context, in *hashPath) (*reply[removal], error) {
	hash, err := in.hash()
	if err != nil {
		return nil, err
	}
	found, err := s.o.Changes.RemoveTorrent(ctx, actor(ctx), hash)
	if found {
		return removed(1, err)
	}
	return removed(0, err)
}
