// A peer that finds others by the client of the JavaScript tracker:
// node peer.mjs TRACKER INFO_HASH SIZE FILE. It is a seeder if the file exists.
// Over a data channel whoever has the data says "have", whoever wants it says
// "want", and then it comes, in pieces.
import fs from 'node:fs'
import crypto from 'node:crypto'
import Client from 'bittorrent-tracker'

const [tracker, infoHash, length, file] = process.argv.slice(2)
const size = Number(length)
const pieceLength = 16384
const mostBuffered = 1 << 20

let data = fs.existsSync(file) ? fs.readFileSync(file) : null
let received = 0
let fetching = null
const open = new Set()

const client = new Client({
  infoHash,
  peerId: crypto.randomBytes(20),
  announce: [tracker],
  port: 6881,
  rtcConfig: { iceServers: [] },
  getAnnounceOpts: () => ({
    numwant: 5,
    uploaded: 0,
    downloaded: received,
    left: data ? 0 : size
  })
})

client.on('error', err => console.error('error:', err.message))
client.on('warning', err => console.error('warning:', err.message, err.cause ?? ''))
client.on('peer', peer => carry(peer))
client.start()

setInterval(() => console.log(`${data ? size : Math.min(received, size - 1)} ${size}`), 200)

process.on('SIGTERM', () => process.exit(0))

function carry (peer) {
  const pieces = []
  let got = 0
  peer.on('error', err => console.error('peer:', err.message))
  peer.on('close', () => {
    open.delete(peer)
    if (fetching === peer) fetching = null
  })
  const opened = () => {
    open.add(peer)
    if (data) peer.send('have')
  }
  if (peer.connected) opened()
  else peer.on('connect', opened)
  peer.on('data', piece => {
    // Words come as bytes too. No piece is as short.
    const word = piece.length === 4 ? Buffer.from(piece).toString() : ''
    if (word === 'have') {
      if (!data && !fetching) {
        fetching = peer
        peer.send('want')
      }
    } else if (word === 'want') {
      pour(peer, 0)
    } else {
      pieces.push(Buffer.from(piece))
      got += piece.length
      received = got
      if (got === size) finish(Buffer.concat(pieces))
    }
  })
}

// pour sends the data from a place on, as fast as the channel takes it.
function pour (peer, at) {
  while (at < size) {
    if (peer._channel.bufferedAmount > mostBuffered) {
      setTimeout(() => pour(peer, at), 5)
      return
    }
    peer.send(data.subarray(at, at + pieceLength))
    at += pieceLength
  }
}

function finish (all) {
  fs.writeFileSync(file, all)
  data = all
  for (const peer of open) peer.send('have')
  client.complete()
}
