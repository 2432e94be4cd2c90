package api

import (
	"encoding/json"
	"net/http"
	"testing"
)

// TestIndex makes the calls of Torrust's index, in its order and with its token in
// the query, and reads the answers into what it reads them into.
func TestIndex(t *testing.T) {
	for name, compatible := range map[string]bool{"ours": false, "to the letter": true} {
		t.Run(name, func(t *testing.T) {
			k := newTracker(t, compatible, true)
			hash := hashA.String()
			k.must(http.MethodPost, "/whitelist/"+hash, "") // a torrent is uploaded
			if allowed := get[allowedPage](k, "/whitelist"); len(allowed.Torrents) != 1 {
				t.Fatalf("allowed are %v", allowed)
			}
			var key struct {
				Key        string `json:"key"`
				ValidUntil int64  `json:"valid_until"`
			}
			if err := json.Unmarshal([]byte(k.must(http.MethodPost, "/key/7257600", "")), &key); err != nil || len(key.Key) != 32 || key.ValidUntil == 0 {
				t.Fatalf("a member's key: %v: %+v", err, key)
			}

			status, text := k.ask(http.MethodGet, "/torrent/"+hash, "") // nobody is in it
			if gone := status == http.StatusNotFound || status == http.StatusOK && text == `"torrent not known"`; !gone {
				t.Errorf("an unknown torrent: %d %s", status, text)
			}
			k.crowd()
			type peer struct {
				PeerID     *struct{ ID, Client *string } `json:"peer_id"`
				PeerAddr   *string                       `json:"peer_addr"`
				Updated    *int64
				Uploaded   *int64
				Downloaded *int64
				Left       *int64
				Event      *string
			}
			one := get[struct {
				InfoHash                     string `json:"info_hash"`
				Seeders, Completed, Leechers int64
				Peers                        []peer
			}](k, "/torrent/"+hash)
			if one.InfoHash != hash || one.Seeders != 1 || len(one.Peers) != 1 || *one.Peers[0].PeerID.Client != "qBittorrent" || *one.Peers[0].Left != 0 {
				t.Errorf("a torrent's statistics: %+v", one)
			}
			many := get[[]struct {
				InfoHash                     string `json:"info_hash"`
				Seeders, Completed, Leechers int64
			}](k, "/torrents?info_hash="+hash+"&info_hash="+hashC.String())
			if len(many) != 2 || many[1].InfoHash != hashC.String() || many[1].Completed != 1 {
				t.Errorf("statistics of many: %+v", many)
			}

			k.must(http.MethodDelete, "/whitelist/"+hash, "") // it is deleted
			k.must(http.MethodDelete, "/whitelist/"+hash, "")
			if allowed := get[allowedPage](k, "/whitelist"); len(allowed.Torrents) != 0 {
				t.Errorf("allowed are %v", allowed)
			}
			if status, text := k.askAs("NotTheToken", http.MethodPost, "/whitelist/"+hash, ""); status == http.StatusOK {
				t.Errorf("without its token: %d %s", status, text)
			}
		})
	}
}
