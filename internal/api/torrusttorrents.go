package api

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/internal/swarm"
)

// torrustPeer is a peer as Torrust shows it. Nothing of it may be null there but
// what peer_id has.
type torrustPeer struct {
	PeerID struct {
		ID     *string `json:"id"`
		Client *string `json:"client"`
	} `json:"peer_id"`
	Addr       string `json:"peer_addr"`
	Updated    int64  `json:"updated"`
	UpdatedAgo int64  `json:"updated_milliseconds_ago"` // not how long ago, but when
	Uploaded   int64  `json:"uploaded"`
	Downloaded int64  `json:"downloaded"`
	Left       int64  `json:"left"`
	Event      string `json:"event"`
}

type torrustTorrent struct {
	listedTorrent
	Peers []torrustPeer `json:"peers"`
}

func (s *Server) torrustTorrent(w http.ResponseWriter, r *http.Request) {
	hash, ok := torrustHash(w, r.PathValue("info_hash"))
	if !ok {
		return
	}
	t, found := s.o.Swarm.Torrent(hash)
	if !found {
		writeJSON(w, http.StatusOK, "application/json", "torrent not known")
		return
	}
	peers, _, _ := s.o.Swarm.Peers(hash, swarm.PeerCursor{}, mostShownPeers)
	writeJSON(w, http.StatusOK, "application/json", torrustTorrent{listedOf(&t), torrustPeers(peers)})
}

// torrustPeers leaves browsers out, which have no address: there, every peer does.
func torrustPeers(peers []swarm.Peer) []torrustPeer {
	shown := make([]torrustPeer, 0, len(peers))
	for i := range peers {
		p := &peers[i]
		if !p.Addr.IsValid() {
			continue
		}
		t := torrustPeer{Addr: p.Addr.String(), Updated: int64(p.Seen), UpdatedAgo: int64(p.Seen), Event: "None"}
		switch {
		case p.Known:
			id := idOf(p.ID)
			t.PeerID.ID, t.PeerID.Client = &id.ID, id.Client
			t.Uploaded, t.Downloaded, t.Left = most64(p.Uploaded), most64(p.Downloaded), most64(p.Left)
			if p.Event != shoal.EventPaused { // there is none there
				t.Event = eventName(p.Event)
			}
		case !p.Seeder:
			t.Left = most64(shoal.LeftUnknown)
		}
		shown = append(shown, t)
	}
	return shown
}

func (s *Server) torrustTorrents(w http.ResponseWriter, r *http.Request) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil { // a filter that is left out would be none
		writePlain(w, http.StatusBadRequest, "Failed to deserialize query string: "+cut(err.Error(), mostShown))
		return
	}
	if named := query["info_hash"]; len(named) > 0 {
		hashes := make([]shoal.InfoHash, len(named))
		for i, text := range named {
			hash, ok := torrustHash(w, text)
			if !ok {
				return
			}
			hashes[i] = hash
		}
		writeJSON(w, http.StatusOK, "application/json", s.named(hashes))
		return
	}
	offset, err := torrustNumber(query.Get("offset"), 0)
	limit := 0
	if err == nil {
		limit, err = torrustNumber(query.Get("limit"), mostPage)
	}
	if err != nil {
		writePlain(w, http.StatusBadRequest, "Failed to deserialize query string: invalid digit found in string")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	s.writeTorrents(w, offset, limit)
}

// mostPage is how many torrents are read at once.
const mostPage = 4000

// writeTorrents writes as many as are asked for, a page at a time: there, a limit
// may be any, and the answer need not be held whole.
func (s *Server) writeTorrents(w io.Writer, offset, limit int) {
	var after *shoal.InfoHash
	separator := "["
	for limit > 0 {
		page := s.o.Swarm.Torrents(after, offset, min(limit, mostPage))
		for i := range page {
			text, err := json.Marshal(listedOf(&page[i]))
			if err == nil {
				_, err = io.WriteString(w, separator+string(text))
			}
			if err != nil {
				return // the client is gone
			}
			separator = ","
		}
		if len(page) < min(limit, mostPage) {
			break
		}
		limit -= len(page)
		after, offset = &page[len(page)-1].Hash, 0
	}
	if separator == "[" {
		separator = "[]"
	} else {
		separator = "]"
	}
	_, _ = io.WriteString(w, separator) // fails where the client is gone
}

// torrustNumber reads an unsigned number of 32 bits; nothing is the usual one.
func torrustNumber(text string, usual int) (int, error) {
	if text == "" {
		return usual, nil
	}
	n, err := strconv.ParseUint(text, 10, 32)
	return int(n), err
}

// torrustStatistics are Stats without what is ours.
type torrustStatistics struct {
	Stats
	More struct{} `json:"shoal,omitzero"`
}

func (s *Server) torrustStats(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Get("format") == "prometheus" {
		s.o.StatsText.ServeHTTP(w, r)
		return
	}
	writeJSON(w, http.StatusOK, "application/json", torrustStatistics{Stats: s.o.Stats()})
}
