package httpload

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/bencode"
	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/check"
	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/plan"
	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/report"
)

// answered judges a whole response.
func (w *worker) answered(j *job, r *response, raw []byte, now int64) {
	w.tally.Latency(now - j.at)
	w.tally.Last = now
	w.tally.In += uint64(len(raw))
	if r.status != 200 {
		w.tally.Wrong(report.WrongStatus, fmt.Sprintf("status %d", r.status), raw)
		return
	}
	body := raw[r.start:]
	var asked []shoal.InfoHash
	if j.kind == plan.Scrape {
		asked = w.asked(j)
	}
	var a answer
	a.torrents = w.torrents[:0]
	err := a.read(body, asked)
	switch {
	case err != nil:
		w.tally.Wrong(report.WrongBencode, err.Error(), raw)
	case a.failure != nil:
		w.tally.Error(a.failure)
	case j.kind == plan.Scrape:
		w.judgeScrape(a.torrents, raw)
	default:
		w.checker.Announce(&check.Answer{
			Peer: j.peer, Interval: uint64(a.interval), Counted: uint64(a.complete) + uint64(a.incomplete),
			Peers4: a.peers4, Peers6: a.peers6, Raw: raw,
		})
	}
}

func (w *worker) judgeScrape(torrents []check.Torrent, raw []byte) {
	for _, t := range torrents {
		if !w.checker.Torrent(t, raw) {
			return
		}
	}
	w.tally.Answered[plan.Scrape]++
}

// broken counts what is no HTTP response, or no TLS.
func (w *worker) broken(j *job, why error, raw []byte, now int64) {
	w.tally.Latency(now - j.at)
	w.tally.Last = now
	w.tally.In += uint64(len(raw))
	kind := report.WrongHTTP
	if errors.Is(why, errTLS) {
		kind = report.WrongTLS
	}
	w.tally.Wrong(kind, why.Error(), raw)
}

// answer is what a body says.
type answer struct {
	failure              []byte
	interval             int64
	complete, incomplete int64
	peers4, peers6       []byte
	torrents             []check.Torrent // of a scrape
}

var (
	errNoDict   = errors.New("the body is no bencoded dictionary")
	errInterval = errors.New("an announce without an interval above 0")
	errPeers    = errors.New("an announce without a compact list of peers")
	errCount    = errors.New("a count that is no number from 0")
	errFiles    = errors.New("a scrape without a dictionary of the torrents asked for")
	errUnasked  = errors.New("a scrape with other torrents than those asked for, or more")
)

// read reads the body of an answer to a scrape of some torrents, or, where there
// are none, to an announce. It allocates nothing while the body is right.
func (a *answer) read(body []byte, asked []shoal.InfoHash) error {
	scrape := asked != nil
	// aquatic_http ends its bodies with a line break, which clients read past.
	r := bencode.NewReader(bytes.TrimSuffix(body, []byte("\r\n")))
	if t, err := r.Next(); err != nil || t.Kind != bencode.Dict {
		return errNoDict
	}
	files := false
	for {
		key, err := r.Next()
		if err != nil {
			return fmt.Errorf("the body ends early: %w", err)
		}
		if key.Kind == bencode.End {
			break
		}
		switch string(key.Bytes) {
		case "failure reason":
			a.failure, err = readString(&r)
		case "interval":
			a.interval, err = readCount(&r)
		case "complete":
			a.complete, err = readCount(&r)
		case "incomplete":
			a.incomplete, err = readCount(&r)
		case "peers":
			a.peers4, err = readString(&r)
		case "peers6":
			a.peers6, err = readString(&r)
		case "files":
			if files = true; scrape {
				a.torrents, err = readFiles(&r, asked, a.torrents)
			} else {
				err = r.Skip()
			}
		default:
			err = r.Skip()
		}
		if err != nil {
			return err
		}
	}
	switch err := r.Done(); {
	case err != nil:
		return fmt.Errorf("bytes behind the dictionary: %w", err)
	case a.failure != nil:
		return nil
	case scrape && !files:
		return errFiles
	case !scrape && a.interval == 0:
		return errInterval
	case !scrape && a.peers4 == nil && a.peers6 == nil:
		return errPeers
	}
	return nil
}

func readString(r *bencode.Reader) ([]byte, error) {
	t, err := r.Next()
	if err != nil || t.Kind != bencode.String {
		return nil, errPeers
	}
	if t.Bytes == nil {
		return []byte{}, nil
	}
	return t.Bytes, nil
}

func readCount(r *bencode.Reader) (int64, error) {
	t, err := r.Next()
	if err != nil || t.Kind != bencode.Int || t.Int < 0 {
		return 0, errCount
	}
	return t.Int, nil
}

// readFiles appends the torrents of a scrape. Those that a tracker does not know
// may be missing.
func readFiles(r *bencode.Reader, asked []shoal.InfoHash, torrents []check.Torrent) ([]check.Torrent, error) {
	if t, err := r.Next(); err != nil || t.Kind != bencode.Dict {
		return nil, errFiles
	}
	for n := 0; ; n++ {
		key, err := r.Next()
		switch {
		case err != nil:
			return nil, errFiles
		case key.Kind == bencode.End:
			return torrents, nil
		case len(key.Bytes) != len(shoal.InfoHash{}):
			return nil, errFiles
		case n == len(asked) || !slices.Contains(asked, shoal.InfoHash(key.Bytes)):
			return nil, errUnasked
		}
		t, err := readTorrent(r)
		if err != nil {
			return nil, err
		}
		torrents = append(torrents, t)
	}
}

// readTorrent reads what a scrape says of one torrent.
func readTorrent(r *bencode.Reader) (check.Torrent, error) {
	if t, err := r.Next(); err != nil || t.Kind != bencode.Dict {
		return check.Torrent{}, errFiles
	}
	var seeders, completed, leechers int64
	for {
		key, err := r.Next()
		switch {
		case err != nil:
			return check.Torrent{}, errFiles
		case key.Kind == bencode.End:
			return check.Torrent{Seeders: uint64(seeders), Completed: uint64(completed), Leechers: uint64(leechers)}, nil
		}
		switch string(key.Bytes) {
		case "complete":
			seeders, err = readCount(r)
		case "downloaded":
			completed, err = readCount(r)
		case "incomplete":
			leechers, err = readCount(r)
		default:
			err = r.Skip()
		}
		if err != nil {
			return check.Torrent{}, err
		}
	}
}
