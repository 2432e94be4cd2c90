package certificates

import (
	"fmt"
	"io"
	"os"
)

// largest bounds a file that is read whole: a path that is wrong may lead to a
// disk image.
const largest = 1 << 20

// stamp tells whether a file is still the one that was read. What happens
// between the stamp and the reading is seen at the next look, because the
// stamp comes first.
type stamp struct{ info os.FileInfo } // nil: it could not be looked at

func stampOf(path string) stamp {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{}
	}
	return stamp{info}
}

func (s stamp) same(t stamp) bool {
	if s.info == nil || t.info == nil {
		return s.info == t.info
	}
	return s.info.ModTime().Equal(t.info.ModTime()) && s.info.Size() == t.info.Size() && os.SameFile(s.info, t.info)
}

// mode returns the permissions of the file.
func (s stamp) mode() os.FileMode {
	if s.info == nil {
		return 0
	}
	return s.info.Mode().Perm()
}

// readSmall reads a regular file. Others are refused before they are opened,
// because opening can do something or wait for ever, and once more afterwards,
// because the path may lead elsewhere by then.
func readSmall(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if err := regular(path, info); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_RDONLY|nonblock, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if info, err = file.Stat(); err != nil {
		return nil, err
	}
	if err := regular(path, info); err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(file, largest+1))
	if err != nil {
		return nil, err
	}
	if len(text) > largest {
		return nil, fmt.Errorf("%s has more than %d bytes", path, largest)
	}
	return text, nil
}

func regular(path string, info os.FileInfo) error {
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", path)
	}
	return nil
}
