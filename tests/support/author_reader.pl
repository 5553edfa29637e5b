#!/usr/bin/perl
# SPDX-License-Identifier: BSD-2-Clause
# author_reader.pl: reads headers as Perl's mail programs do: the fields by Email::MIME, the addresses by
# Email::Address::XS, which is Dovecot's parser. For tests/author_differential. In: a header a line, in hexadecimal.
# Out: the domains of all addresses of all From fields, in hexadecimal, with commas; "-" is none.
use strict;
use warnings;

use Email::Address::XS;
use Email::MIME;

$| = 1;
local $SIG{__WARN__} = sub { };
while (my $line = <STDIN>) {
    chomp $line;
    my $header = pack("H*", $line eq "-" ? "" : $line);
    my @domains;
    eval {
        for my $value (Email::MIME->new($header)->header_raw("From")) {
            for my $address (Email::Address::XS->parse($value)) {
                my $host = $address->host();
                push @domains, unpack("H*", $host) if defined $host && length $host;
            }
        }
        1;
    } or @domains = ();
    print @domains ? join(",", @domains) : "-", "\n";
}
