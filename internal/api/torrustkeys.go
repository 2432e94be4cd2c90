package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/internal/database"
)

// torrustGranted is a key as Torrust shows it.
type torrustGranted struct {
	Key        string  `json:"key"`
	ValidUntil *int64  `json:"valid_until"`
	ExpiryTime *string `json:"expiry_time"`
}

func (s *Server) torrustGrant(w http.ResponseWriter, r *http.Request, key string, seconds *uint64) {
	if key == "" {
		key = database.NewKey()
	}
	k := database.Key{Key: key}
	if seconds != nil {
		if *seconds > mostSeconds {
			writePlain(w, http.StatusBadRequest, fmt.Sprintf("Invalid URL: invalid auth key duration: %q", strconv.FormatUint(*seconds, 10)))
			return
		}
		k.Until = endOf(int64(*seconds), time.Now())
	}
	if err := s.o.Changes.AddKeys(r.Context(), actor(r.Context()), []database.Key{k}); err != nil {
		rejected(w, "failed to generate key: "+s.reasonOf(r, err))
		return
	}
	writeJSON(w, http.StatusOK, "application/json; charset=utf-8", torrustGranted{k.Key, unixOf(k.Until), textOf(k.Until)})
}

func (s *Server) torrustDrawKey(w http.ResponseWriter, r *http.Request) {
	text := r.PathValue("key")
	seconds, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		writePlain(w, http.StatusBadRequest, fmt.Sprintf("Invalid URL: Cannot parse `%q` to a `u64`", text))
		return
	}
	s.torrustGrant(w, r, "", &seconds)
}

func (s *Server) torrustAddKey(w http.ResponseWriter, r *http.Request) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		writePlain(w, http.StatusUnsupportedMediaType, "Expected request with `Content-Type: application/json`")
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mostBody))
	if err != nil {
		status, detail := unreadBody(err)
		if status == http.StatusRequestEntityTooLarge {
			detail = "length limit exceeded"
		}
		writePlain(w, status, "Failed to buffer the request body: "+detail)
		return
	}
	key, seconds, err := torrustForm(body)
	if syntax := (*json.SyntaxError)(nil); errors.As(err, &syntax) {
		writePlain(w, http.StatusBadRequest, "Failed to parse the request body as JSON: "+err.Error())
		return
	}
	if err != nil {
		writePlain(w, http.StatusUnprocessableEntity, "Failed to deserialize the JSON body into the target type: "+err.Error())
		return
	}
	if key != nil {
		if why := torrustKeyError(*key); why != "" {
			writePlain(w, http.StatusBadRequest, `Invalid URL: invalid auth key: string "`+cut(*key, mostShown)+`", `+why)
			return
		}
		s.torrustGrant(w, r, *key, seconds)
		return
	}
	s.torrustGrant(w, r, "", seconds)
}

// torrustForm reads the body of POST /keys. Both fields may be null, or left out.
func torrustForm(body []byte) (key *string, seconds *uint64, err error) {
	var form map[string]json.RawMessage // a struct would take "KEY" for "key"
	err = json.Unmarshal(body, &form)
	if syntax := (*json.SyntaxError)(nil); errors.As(err, &syntax) {
		return nil, nil, err
	}
	if err != nil || form == nil {
		return nil, nil, errors.New("invalid type: " + cut(string(bytes.TrimSpace(body)), mostShown) + ", expected an object")
	}
	if text := form["key"]; len(text) > 0 && json.Unmarshal(text, &key) != nil {
		return nil, nil, errors.New("key: invalid type: " + cut(string(text), mostShown) + ", expected a string")
	}
	if text := form["seconds_valid"]; len(text) > 0 && json.Unmarshal(text, &seconds) != nil {
		return nil, nil, errors.New("seconds_valid: invalid type: " + cut(string(text), mostShown) + ", expected u64")
	}
	return key, seconds, nil
}

// torrustKeyError returns why Torrust takes no such key; "" is that it does.
func torrustKeyError(key string) string {
	if len(key) != 32 {
		return "a key must have 32 characters"
	}
	for _, c := range []byte(key) {
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return "a key must have letters and digits alone"
		}
	}
	return ""
}

// torrustDeleteKey takes keys back that Torrust could not have as well, if they
// are there: nobody who came from there can tell.
func (s *Server) torrustDeleteKey(w http.ResponseWriter, r *http.Request) {
	key := r.PathValue("key")
	foreign := torrustKeyError(key) != ""
	found, err := false, error(nil)
	if parsed := shoal.ParseAuthKey([]byte(key)); !parsed.Invalid() {
		found, err = s.torrustKey(r.Context(), key)
	}
	switch {
	case err == nil && !found && foreign:
		writePlain(w, http.StatusBadRequest, `Invalid auth key id param "`+cut(key, mostShown)+`"`)
	case err == nil && !found:
		rejected(w, "failed to delete key: there is no such key")
	default:
		s.torrustDone(w, r, "failed to delete key", err)
	}
}

// most64 is the most that Torrust's numbers hold.
func most64(n uint64) int64 { return int64(min(n, math.MaxInt64)) }
