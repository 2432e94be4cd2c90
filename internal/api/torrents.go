package api

import (
	"context"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/internal/swarm"
)

// mostNamed is how many torrents one request may name.
const mostNamed = 1000

// listedTorrent is one of many, with Torrust's fields alone: a page has up to 4,000.
type listedTorrent struct {
	InfoHash  string `json:"info_hash"`
	Seeders   uint64 `json:"seeders"`
	Completed uint64 `json:"completed"`
	Leechers  uint64 `json:"leechers"`
}

func listedOf(t *swarm.Torrent) listedTorrent {
	return listedTorrent{t.Hash.String(), t.Seeders(), uint64(t.Completed), t.Leechers()}
}

func (s *Server) registerTorrents(api huma.API) {
	s.registerTorrent(api)
	huma.Register(api, read(route(http.MethodGet, "/torrents", "torrents", "Torrents in the order of their info hashes, or those that are named")), s.listTorrents)
}

type listTorrentsInput struct {
	After    string   `query:"after" pattern:"^(|[0-9A-Fa-f]{40}|[0-9A-Fa-f]{64})$" patternDescription:"an info hash: 40 hexadecimal digits, or the 64 of version 2" doc:"The last info hash of the page before"`
	Offset   uint32   `query:"offset" maximum:"4294967295" doc:"How many are passed over, behind after; after alone is faster and misses none"`
	Limit    int      `query:"limit" minimum:"0" maximum:"4000" default:"4000" doc:"How many at most"`
	InfoHash []string `query:"info_hash,explode" nullable:"false" maxItems:"1000" pattern:"^([0-9A-Fa-f]{40}|[0-9A-Fa-f]{64})$" patternDescription:"an info hash: 40 hexadecimal digits, or the 64 of version 2" doc:"Those alone, in this order, if they are held; the other parameters do not matter then"`
}

type torrentList struct {
	Total uint64          `header:"X-Total-Count" doc:"How many torrents are held"`
	Body  []listedTorrent `nullable:"false"`
}

func (s *Server) listTorrents(_ context.Context, in *listTorrentsInput) (*torrentList, error) {
	list := &torrentList{Total: uint64(s.o.Swarm.Totals().Torrents), Body: []listedTorrent{}}
	if len(in.InfoHash) > 0 {
		hashes := make([]shoal.InfoHash, len(in.InfoHash))
		for i, text := range in.InfoHash {
			hash, err := hashAt(fmt.Sprintf("query.info_hash[%d]", i), text)
			if err != nil {
				return nil, err
			}
			hashes[i] = hash
		}
		list.Body = s.named(hashes)
		return list, nil
	}
	after, err := hashOrNil("query.after", in.After)
	if err != nil || in.Limit == 0 {
		return list, err
	}
	held := s.o.Swarm.Torrents(after, int(in.Offset), in.Limit)
	list.Body = make([]listedTorrent, len(held))
	for i := range held {
		list.Body[i] = listedOf(&held[i])
	}
	return list, nil
}

// named returns those that are held, in the order in which they are asked for.
func (s *Server) named(hashes []shoal.InfoHash) []listedTorrent {
	all := make([]listedTorrent, 0, len(hashes))
	for _, hash := range hashes {
		if t, found := s.o.Swarm.Torrent(hash); found {
			all = append(all, listedOf(&t))
		}
	}
	return all
}
