# What both ends of the Cap'n Proto rows offer each other.
@0xd5f0c1a2b3e49786;

interface Sink {
  push @0 (body :Data) -> stream;
}
