package httptracker

import (
	"fmt"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/bencode"
)

// ScrapeReply is what a tracker answered to a scrape (BEP 48).
type ScrapeReply struct {
	Files              map[shoal.InfoHash]shoal.ScrapeCounts // never nil
	MinRequestInterval uint32                                // seconds before which no scrape is wanted; 0: not said
	Failure            string                                // why the scrape was refused; empty: it was not
	RetryIn            string                                // minutes after which to try again, or "never" (BEP 31)
}

// ParseScrapeReply reads the body of an answer to a scrape. Unknown keys are
// passed over; a known key with the wrong type of value is an error, and so is
// a torrent whose name has not 20 bytes. Of a torrent listed twice the later
// counts are kept.
//
// The memory it takes is proportional to body, which the caller should bound.
func ParseScrapeReply(body []byte) (*ScrapeReply, error) {
	reply := ScrapeReply{Files: make(map[shoal.InfoHash]shoal.ScrapeCounts)}
	r := bencode.NewReader(body)
	err := readDict(&r, func(key []byte) (err error) {
		switch string(key) {
		case "files":
			return readDict(&r, func(name []byte) error {
				return readFile(&r, name, reply.Files)
			})
		case "flags":
			return readDict(&r, func(key []byte) (err error) {
				if string(key) != "min_request_interval" {
					return r.Skip()
				}
				reply.MinRequestInterval, err = readCount(&r)
				return err
			})
		case "failure reason":
			reply.Failure, err = readString(&r)
			return err
		case "retry in":
			reply.RetryIn, err = readRetryIn(&r)
			return err
		}
		return r.Skip()
	})
	if err == nil {
		err = r.Done()
	}
	if err != nil {
		return nil, fmt.Errorf("reading a scrape reply: %w", err)
	}
	return &reply, nil
}

// readFile reads the counts of one torrent into files.
func readFile(r *bencode.Reader, name []byte, files map[shoal.InfoHash]shoal.ScrapeCounts) error {
	if len(name) != len(shoal.InfoHash{}) {
		return fmt.Errorf("info hash has %d bytes, not %d", len(name), len(shoal.InfoHash{}))
	}
	var counts shoal.ScrapeCounts
	err := readDict(r, func(key []byte) (err error) {
		switch string(key) {
		case "complete":
			counts.Complete, err = readCount(r)
		case "downloaded":
			counts.Downloaded, err = readCount(r)
		case "incomplete":
			counts.Incomplete, err = readCount(r)
		default:
			err = r.Skip()
		}
		return err
	})
	files[shoal.InfoHash(name)] = counts
	return err
}
