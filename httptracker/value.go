package httptracker

import (
	"fmt"
	"math"

	"github.com/shoal-tracker/shoal/bencode"
)

// readDict reads a dictionary, calling value for each key to read its value.
func readDict(r *bencode.Reader, value func(key []byte) error) error {
	if _, err := readKind(r, bencode.Dict); err != nil {
		return err
	}
	return readEntries(r, value)
}

// readEntries reads the rest of a dictionary that has just begun.
func readEntries(r *bencode.Reader, value func(key []byte) error) error {
	for {
		t, err := r.Next()
		if err != nil {
			return err
		}
		if t.Kind == bencode.End {
			return nil
		}
		if err := value(t.Bytes); err != nil {
			// Quoted and cut: the key is the tracker's, and errors are shown
			// on terminals.
			return fmt.Errorf("%.32q: %w", t.Bytes, err)
		}
	}
}

// readKind reads a token that must be of the given kind.
func readKind(r *bencode.Reader, kind bencode.Kind) (bencode.Token, error) {
	t, err := r.Next()
	if err == nil && t.Kind != kind {
		err = fmt.Errorf("want %v, got %v", kind, t.Kind)
	}
	return t, err
}

func readString(r *bencode.Reader) (string, error) {
	t, err := readKind(r, bencode.String)
	return string(t.Bytes), err
}

// readCount reads a number of seconds or peers, cut to what 32 bits hold.
func readCount(r *bencode.Reader) (uint32, error) {
	t, err := readKind(r, bencode.Int)
	return uint32(min(max(t.Int, 0), math.MaxUint32)), err
}
