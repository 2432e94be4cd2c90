package main

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/shoal-tracker/shoal/internal/apiclient"
)

// keeping is a list of keys that keeps what it is given.
type keeping struct {
	lists
	given []apiclient.NewKey
}

func (k *keeping) AddKeys(_ context.Context, keys []apiclient.NewKey) (kept []apiclient.Key, err error) {
	k.given = keys
	for _, one := range keys {
		kept = append(kept, apiclient.Key{Key: one.Key, Label: one.Label})
	}
	return kept, nil
}

// TestKeyTwiceInABatch: the later one is kept, and each line that names it says what
// is kept.
func TestKeyTwiceInABatch(t *testing.T) {
	keys, err := keysOf(1, []string{"passkey-that-is-twice 60 first", "another-passkey-2 60", "passkey-that-is-twice 0 second"}, apiclient.NewKey{})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd := &cobra.Command{}
	cmd.SetOut(&out)
	cmd.SetContext(t.Context())
	k := &keeping{}
	if err := addKeys(cmd, k, false, keys); err != nil {
		t.Fatal(err)
	}
	if len(k.given) != 2 || k.given[0].Label != "second" || k.given[0].Seconds != 0 || k.given[1].Key != "another-passkey-2" {
		t.Errorf("given: %+v", k.given)
	}
	if got, want := strings.Fields(out.String()), []string{"passkey-that-is-twice", "another-passkey-2", "passkey-that-is-twice"}; strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("printed: %q, want %q", got, want)
	}
}
