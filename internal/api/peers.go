package api

import (
	"context"
	"encoding/hex"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/internal/swarm"
	"github.com/shoal-tracker/shoal/peerid"
)

// peer is one peer of a torrent. What is not known of it is null: which fields
// are kept depends on tracker.peer_details.
type peer struct {
	ID         *peerID `json:"peer_id"`
	Addr       *string `json:"peer_addr" doc:"Address and port; null: a browser, which is not dialed"`
	Updated    int64   `json:"updated" doc:"When it last announced, in milliseconds since 1970, about as exact as a hundredth of tracker.peer_timeout"`
	Ago        int64   `json:"updated_milliseconds_ago" minimum:"0" doc:"How long ago that is"`
	Uploaded   *int64  `json:"uploaded" doc:"Bytes, as the client says"`
	Downloaded *int64  `json:"downloaded" doc:"Bytes, as the client says"`
	Left       *int64  `json:"left" doc:"Bytes, as the client says; null as well if it did not say"`
	Event      *string `json:"event" enum:"None,Started,Completed,Stopped,Paused" doc:"Of its last announce"`
	Seeder     bool    `json:"seeder"`
}

type peerID struct {
	_      struct{} `nullable:"true"`
	ID     string   `json:"id" doc:"20 bytes: 0x and 40 hexadecimal digits"`
	Client *string  `json:"client" doc:"Name of the client that writes such peer IDs; null: unknown"`
}

// show returns peers as the API shows them.
func (s *Server) show(peers []swarm.Peer) []peer {
	now := s.o.Clock.Now()
	shown := make([]peer, len(peers))
	for i := range peers {
		p := &peers[i]
		shown[i] = peer{Updated: int64(p.Seen), Ago: max(int64(now-p.Seen), 0), Seeder: p.Seeder}
		if p.Addr.IsValid() {
			addr := p.Addr.String()
			shown[i].Addr = &addr
		}
		if p.Known {
			event := eventName(p.Event)
			shown[i].ID, shown[i].Event = idOf(p.ID), &event
			shown[i].Uploaded, shown[i].Downloaded = bytesOf(p.Uploaded), bytesOf(p.Downloaded)
			if p.Left != shoal.LeftUnknown {
				shown[i].Left = bytesOf(p.Left)
			}
		}
	}
	return shown
}

// bytesOf is n, or the most that most readers of JSON can hold: one peer that
// says more of itself would make the whole answer unreadable to them.
func bytesOf(n uint64) *int64 {
	most := most64(n)
	return &most
}

func idOf(id shoal.PeerID) *peerID {
	shown := peerID{ID: "0x" + hex.EncodeToString(id[:])}
	if client := peerid.Parse(id).Name; client != "" {
		shown.Client = &client
	}
	return &shown
}

// eventName returns an event as Torrust spells it.
func eventName(e shoal.Event) string {
	name := e.String()
	if name == "" {
		return "None"
	}
	return strings.ToUpper(name[:1]) + name[1:]
}

func nextPeers(next swarm.PeerCursor) *string {
	if next == (swarm.PeerCursor{}) {
		return nil
	}
	text := next.String()
	return &text
}

type listPeersInput struct {
	InfoHash string `path:"info_hash" pattern:"^([0-9A-Fa-f]{40}|[0-9A-Fa-f]{64})$" patternDescription:"an info hash: 40 hexadecimal digits, or the 64 of version 2" doc:"40 hexadecimal digits, or the 64 of version 2, which are cut to 40" example:"0123456789abcdef0123456789abcdef01234567"`
	After    string `query:"after" pattern:"^(|[0-9A-Fa-f]{12}|[0-9A-Fa-f]{16}|[0-9A-Fa-f]{36})$" patternDescription:"next of the page before" doc:"Where the page before ended: its next"`
	Limit    int    `query:"limit" minimum:"1" maximum:"10000" default:"1000" doc:"How many at most"`
}

type peerPage struct {
	Peers []peer  `json:"peers" nullable:"false"`
	Next  *string `json:"next" doc:"What the next page is behind; null: this is the last one"`
}

func (s *Server) listPeers(_ context.Context, in *listPeersInput) (*reply[peerPage], error) {
	hash, err := hashAt("path.info_hash", in.InfoHash)
	if err != nil {
		return nil, err
	}
	after, err := swarm.ParsePeerCursor(in.After)
	if err != nil {
		return nil, invalid("query.after", in.After, "expected next of the page before")
	}
	peers, next, found := s.o.Swarm.Peers(hash, after, in.Limit)
	if !found {
		return nil, huma.Error404NotFound(notHeld)
	}
	return replied(peerPage{s.show(peers), nextPeers(next)}), nil
}
