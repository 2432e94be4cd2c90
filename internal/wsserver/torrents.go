package wsserver

import "github.com/shoal-tracker/shoal"

// maxTorrents is how many torrents a connection may be in at once.
const maxTorrents = 1000

// torrents are those that a connection is in, in no order. There is one, as a
// rule, and looking through the most there may be is no more work than reading
// a message.
type torrents []shoal.InfoHash

// find returns the place of a torrent, below 0 if it is not there.
func (t torrents) find(hash *shoal.InfoHash) int {
	for i := range t {
		if t[i] == *hash {
			return i
		}
	}
	return -1
}

// remove takes one out, and gives memory back that is not in use.
func (t *torrents) remove(i int) {
	last := len(*t) - 1
	(*t)[i] = (*t)[last]
	if *t = (*t)[:last]; cap(*t) > 16 && last < cap(*t)/4 {
		*t = append(make(torrents, 0, 2*last), *t...)
	}
}
