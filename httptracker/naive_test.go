package httptracker

import (
	"maps"
	"math"
	"math/big"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/shoal-tracker/shoal"
)

// The naive decoders: the same rules written as plainly as can be, with maps,
// regular expressions and big numbers, for the fuzz targets to compare with.

// naiveQuery returns the parameters of a query, name and value by turns.
func naiveQuery(query string) (pairs [][2]string) {
	separator := ";"
	if strings.Contains(query, "&") {
		separator = "&"
	}
	query = strings.ReplaceAll(query, "?info_hash=", separator+"info_hash=")
	for _, part := range strings.Split(query, separator) {
		if name, value, ok := strings.Cut(part, "="); ok {
			pairs = append(pairs, [2]string{name, value})
		}
	}
	return pairs
}

var naiveEscape = regexp.MustCompile(`%[0-9a-fA-F]{2}`)

func naiveUnescape(value string) string {
	return string(naiveEscape.ReplaceAllFunc([]byte(value), func(escape []byte) []byte {
		v, _ := strconv.ParseUint(string(escape[1:]), 16, 8)
		return []byte{byte(v)}
	}))
}

var naiveDigits = regexp.MustCompile(`^[0-9]+$`)

// naiveNumber returns value as a number that is at most limit, or otherwise.
func naiveNumber(value string, limit, otherwise uint64) uint64 {
	if !naiveDigits.MatchString(value) {
		return otherwise
	}
	v, _ := new(big.Int).SetString(value, 10)
	if !v.IsUint64() {
		return limit
	}
	return min(v.Uint64(), limit)
}

var naivePort = regexp.MustCompile(`:([0-9]{1,5}|_[0-9A-Za-z._-]+)$`)

// naiveParseAddr is ParseAddr by way of package netip.
func naiveParseAddr(text string) (netip.Addr, bool) {
	if strings.HasPrefix(text, "[") || strings.Count(text, ":") == 1 {
		text = naivePort.ReplaceAllString(text, "")
	}
	if strings.HasPrefix(text, "[") {
		inside, closed := strings.CutSuffix(text[1:], "]")
		if !closed || !strings.Contains(inside, ":") {
			return netip.Addr{}, false
		}
		text = inside
	}
	addr, err := netip.ParseAddr(text)
	if err != nil || addr.Zone() != "" {
		return netip.Addr{}, false
	}
	return addr.Unmap(), true
}

func naiveAnnounce(query string) (req shoal.AnnounceRequest, form Form, failure shoal.Failure) {
	first := map[string]string{}
	var claimed netip.Addr
	for _, pair := range naiveQuery(query) {
		if _, ok := first[pair[0]]; ok {
			continue
		}
		first[pair[0]] = pair[1]
		if text := naiveUnescape(pair[1]); slices.Contains([]string{"ip", "ipv4", "ipv6"}, pair[0]) && len(text) <= 64 {
			addr, ok := naiveParseAddr(text)
			if ok && addr.Is4() && !claimed.IsValid() {
				claimed = addr
			}
		}
	}
	hash, hashGiven := first["info_hash"]
	id, idGiven := first["peer_id"]
	portText, portGiven := first["port"]
	hash, id = naiveUnescape(hash), naiveUnescape(id)
	port := naiveNumber(portText, math.MaxUint64, math.MaxUint64)
	switch {
	case !hashGiven:
		return req, form, shoal.InfoHashMissing
	case len(hash) != 20 && len(hash) != 32:
		return req, form, shoal.InfoHashInvalid
	case !idGiven:
		return req, form, shoal.PeerIDMissing
	case len(id) != 20:
		return req, form, shoal.PeerIDInvalid
	case !portGiven:
		return req, form, shoal.PortMissing
	case port > 65535:
		return req, form, shoal.PortInvalid
	}
	copy(req.InfoHash[:], hash)
	copy(req.PeerID[:], id)
	req.Addr = netip.AddrPortFrom(stale().Addr.Addr(), uint16(port))
	req.Claimed, req.FromProxy = claimed, true
	req.Uploaded = naiveNumber(first["uploaded"], math.MaxUint64, 0)
	req.Downloaded = naiveNumber(first["downloaded"], math.MaxUint64, 0)
	req.Left = naiveNumber(first["left"], math.MaxUint64, math.MaxUint64)
	req.NumWant = shoal.NumWantDefault
	if v := naiveNumber(first["numwant"], math.MaxInt32, math.MaxUint64); v != math.MaxUint64 {
		req.NumWant = int(v)
	}
	req.Event = map[string]shoal.Event{"completed": 1, "started": 2, "stopped": 3, "paused": 4}[first["event"]]
	req.AuthKey = shoal.ParseAuthKey([]byte(naiveUnescape(first["passkey"])))
	form.Dictionary = first["compact"] == "0"
	noPeerID, given := first["no_peer_id"]
	form.NoPeerID = given && noPeerID != "0"
	return req, form, shoal.OK
}

func naiveScrape(query string) (hashes []shoal.InfoHash, failure shoal.Failure) {
	for _, pair := range naiveQuery(query) {
		if pair[0] != "info_hash" || len(hashes) == 100 {
			continue
		}
		value := naiveUnescape(pair[1])
		if len(value) != 20 && len(value) != 32 {
			return nil, shoal.InfoHashInvalid
		}
		if hash := shoal.InfoHash([]byte(value)[:20]); !slices.Contains(hashes, hash) {
			hashes = append(hashes, hash)
		}
	}
	if len(hashes) == 0 {
		return nil, shoal.ScrapeAll
	}
	return hashes, shoal.OK
}

// A naive value is an int64, a string, a []any or a dict.
type (
	naiveEntry struct {
		key   string
		value any
	}
	naiveDict []naiveEntry
)

var (
	naiveInt    = regexp.MustCompile(`^i(0|-?[1-9][0-9]*)e`)
	naiveLength = regexp.MustCompile(`^(0|[1-9][0-9]*):`)
)

func naiveDecode(s string, depth int) (value any, rest string, ok bool) {
	if m := naiveInt.FindStringSubmatch(s); m != nil {
		v, err := strconv.ParseInt(m[1], 10, 64)
		return v, s[len(m[0]):], err == nil
	}
	if m := naiveLength.FindStringSubmatch(s); m != nil {
		n, err := strconv.Atoi(m[1])
		s = s[len(m[0]):]
		if err != nil || n > len(s) {
			return nil, "", false
		}
		return s[:n], s[n:], true
	}
	if s == "" || s[0] != 'd' && s[0] != 'l' || depth == 32 {
		return nil, "", false
	}
	var list []any
	isDict, s := s[0] == 'd', s[1:]
	for !strings.HasPrefix(s, "e") {
		if value, s, ok = naiveDecode(s, depth+1); !ok {
			return nil, "", false
		}
		list = append(list, value)
	}
	if !isDict {
		return list, s[1:], true
	}
	dict := naiveDict{}
	for i := 0; i < len(list); i += 2 {
		key, isString := list[i].(string)
		if !isString || i+1 == len(list) {
			return nil, "", false
		}
		dict = append(dict, naiveEntry{key, list[i+1]})
	}
	return dict, s[1:], true
}

func naiveAddr(s string) netip.Addr {
	addr, _ := netip.AddrFromSlice([]byte(s))
	return addr.Unmap()
}

// naiveCount keeps a number within 32 bits.
func naiveCount(v any) (count uint32, ok bool) {
	n, ok := v.(int64)
	return uint32(min(max(n, 0), math.MaxUint32)), ok
}

func naiveAnnounceReply(body string) (reply *AnnounceReply, ok bool) {
	value, rest, ok := naiveDecode(body, 0)
	dict, isDict := value.(naiveDict)
	if !ok || rest != "" || !isDict {
		return nil, false
	}
	reply = &AnnounceReply{}
	counts := map[string]*uint32{
		"interval": &reply.Interval, "min interval": &reply.MinInterval,
		"complete": &reply.Complete, "incomplete": &reply.Incomplete,
	}
	texts := map[string]*string{"tracker id": &reply.TrackerID, "failure reason": &reply.Failure, "warning message": &reply.Warning}
	for _, entry := range dict {
		ok := true
		if field := counts[entry.key]; field != nil {
			*field, ok = naiveCount(entry.value)
		}
		if field := texts[entry.key]; field != nil {
			*field, ok = entry.value.(string)
		}
		switch entry.key {
		case "external ip":
			var s string
			s, ok = entry.value.(string)
			reply.ExternalIP = naiveAddr(s)
		case "retry in":
			reply.RetryIn, ok = naiveRetryIn(entry.value)
		case "peers", "peers6":
			ok = naivePeers(entry, reply)
		}
		if !ok {
			return nil, false
		}
	}
	return reply, true
}

func naiveRetryIn(value any) (s string, ok bool) {
	switch v := value.(type) {
	case int64:
		return strconv.FormatInt(v, 10), true
	case string:
		return v, true
	}
	return "", false
}

func naivePeers(entry naiveEntry, reply *AnnounceReply) bool {
	if s, ok := entry.value.(string); ok {
		size := map[string]int{"peers": 6, "peers6": 18}[entry.key]
		for ; len(s) >= size; s = s[size:] {
			port := uint16(s[size-2])<<8 + uint16(s[size-1])
			reply.Peers = append(reply.Peers, netip.AddrPortFrom(naiveAddr(s[:size-2]), port))
		}
		return s == ""
	}
	list, ok := entry.value.([]any)
	for _, value := range list {
		dict, isDict := value.(naiveDict)
		if !isDict {
			return false
		}
		ip, port := "", int64(-1)
		for _, entry := range dict {
			ok := true
			switch entry.key {
			case "ip":
				ip, ok = entry.value.(string)
			case "port":
				port, ok = entry.value.(int64)
			}
			if !ok {
				return false
			}
		}
		if addr, err := netip.ParseAddr(ip); err == nil && port >= 0 && port < 65536 {
			reply.Peers = append(reply.Peers, netip.AddrPortFrom(addr.WithZone("").Unmap(), uint16(port)))
		}
	}
	return ok
}

func naiveScrapeReply(body string) (reply *ScrapeReply, ok bool) {
	value, rest, ok := naiveDecode(body, 0)
	dict, isDict := value.(naiveDict)
	if !ok || rest != "" || !isDict {
		return nil, false
	}
	reply = &ScrapeReply{Files: map[shoal.InfoHash]shoal.ScrapeCounts{}}
	for _, entry := range dict {
		inner, isDict := entry.value.(naiveDict)
		switch entry.key {
		case "failure reason":
			if reply.Failure, ok = entry.value.(string); !ok {
				return nil, false
			}
		case "retry in":
			if reply.RetryIn, ok = naiveRetryIn(entry.value); !ok {
				return nil, false
			}
		case "files", "flags":
			if !isDict {
				return nil, false
			}
		}
		for _, entryOfInner := range inner {
			ok := true
			switch {
			case entry.key == "flags" && entryOfInner.key == "min_request_interval":
				reply.MinRequestInterval, ok = naiveCount(entryOfInner.value)
			case entry.key == "files":
				ok = naiveFile(entryOfInner, reply)
			}
			if !ok {
				return nil, false
			}
		}
	}
	return reply, true
}

func naiveFile(entry naiveEntry, reply *ScrapeReply) bool {
	dict, ok := entry.value.(naiveDict)
	if !ok || len(entry.key) != 20 {
		return false
	}
	var counts shoal.ScrapeCounts
	fields := map[string]*uint32{"complete": &counts.Complete, "downloaded": &counts.Downloaded, "incomplete": &counts.Incomplete}
	for _, entry := range dict {
		if field := fields[entry.key]; field != nil {
			if *field, ok = naiveCount(entry.value); !ok {
				return false
			}
		}
	}
	reply.Files[shoal.InfoHash([]byte(entry.key))] = counts
	return true
}

func sameReply(a, b *AnnounceReply) bool {
	return a.Interval == b.Interval && a.MinInterval == b.MinInterval &&
		a.Complete == b.Complete && a.Incomplete == b.Incomplete &&
		slices.Equal(a.Peers, b.Peers) && a.ExternalIP == b.ExternalIP && a.TrackerID == b.TrackerID &&
		a.Failure == b.Failure && a.Warning == b.Warning && a.RetryIn == b.RetryIn
}

func sameScrapeReply(a, b *ScrapeReply) bool {
	return a.MinRequestInterval == b.MinRequestInterval && a.Failure == b.Failure && a.RetryIn == b.RetryIn && maps.Equal(a.Files, b.Files)
}
