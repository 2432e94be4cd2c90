package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
)

// jsonFormat reads and writes bodies.
var jsonFormat = huma.Format{Marshal: huma.DefaultJSONFormat.Marshal, Unmarshal: readJSON}

// readJSON is json.Unmarshal, which takes 3.0 and 3e2 for whole numbers too: JSON
// does not tell them apart, and some languages write all numbers so.
func readJSON(text []byte, into any) error {
	err := json.Unmarshal(text, into)
	var mistake *json.UnmarshalTypeError
	if !errors.As(err, &mistake) {
		return err
	}
	if whole, changed := withWholeNumbers(text); changed {
		if err = json.Unmarshal(whole, into); !errors.As(err, &mistake) {
			return err
		}
	}
	// The names of Go in its own text say nothing to who asks.
	if mistake.Field == "" {
		return fmt.Errorf("a %s does not fit here", mistake.Value)
	}
	return fmt.Errorf("%s: a %s does not fit here", mistake.Field, mistake.Value)
}

func withWholeNumbers(text []byte) (whole []byte, changed bool) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var all any
	if decoder.Decode(&all) != nil {
		return nil, false
	}
	all = wholeNumbers(all, &changed)
	whole, err := json.Marshal(all)
	return whole, changed && err == nil
}

func wholeNumbers(value any, changed *bool) any {
	const exact = 1 << 53
	switch v := value.(type) {
	case map[string]any:
		for name, inside := range v {
			v[name] = wholeNumbers(inside, changed)
		}
	case []any:
		for i, inside := range v {
			v[i] = wholeNumbers(inside, changed)
		}
	case json.Number:
		if _, err := v.Int64(); err == nil {
			return v
		}
		if f, err := v.Float64(); err == nil && f == math.Trunc(f) && math.Abs(f) < exact {
			*changed = true
			return json.Number(strconv.FormatInt(int64(f), 10))
		}
	}
	return value
}
