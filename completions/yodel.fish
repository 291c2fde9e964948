# SPDX-License-Identifier: GPL-3.0-or-later
# Completion of yodel for fish.

function __yodel_command -d 'Whether the command of the line is this one'
    set --local words (commandline -opc)
    test (count $words) -ge 2; and test $words[2] = $argv[1]
end

function __yodel_no_command -d 'Whether no command has been typed yet'
    test (count (commandline -opc)) -eq 1
end

function __yodel_contacts -d 'Names of contacts'
    type -q yodel; and yodel peers 2>/dev/null | tail -n +2 | string replace -r ' .*' ''
end

complete -c yodel -f
complete -c yodel -n __yodel_no_command -a listen -d 'Wait for the one peer, and talk'
complete -c yodel -n __yodel_no_command -a call -d 'Reach the one peer, and talk'
complete -c yodel -n __yodel_no_command -a peers -d 'Whom you know'
complete -c yodel -n __yodel_no_command -a echo -d 'Echo service'
complete -c yodel -n __yodel_no_command -a ping -d 'Connect time and round trips'
complete -c yodel -n __yodel_no_command -a help -d 'What a command does'
complete -c yodel -n __yodel_no_command -s h -l help -d Help
complete -c yodel -n __yodel_no_command -s V -l version -d 'The version'

complete -c yodel -n '__yodel_command help; and test (count (commandline -opc)) -eq 2' -a 'listen call peers echo ping'

for command in listen call
    complete -c yodel -n "__yodel_command $command" -l plain -d 'Plain TCP: no encryption, no tickets, no contacts'
    complete -c yodel -n "__yodel_command $command" -x -l name -d 'What you are called (your login name)'
    complete -c yodel -n "__yodel_command $command" -r -F -l identity -d 'Your key'
    complete -c yodel -n "__yodel_command $command" -l accept-new -d 'Do not ask about a new key'
    complete -c yodel -n "__yodel_command $command" -x -l send-from -a '(__fish_complete_directories) none' -d 'A chat can read no other files'
    complete -c yodel -n "__yodel_command $command" -x -l linger -d 'In a pipe: how long the second direction may go on'
    complete -c yodel -n "__yodel_command $command" -x -l dead-timeout -d 'Give up a peer of whom nothing is heard (30s)'
    complete -c yodel -n "__yodel_command $command" -s 4 -d 'Only IPv4'
    complete -c yodel -n "__yodel_command $command" -s 6 -d 'Only IPv6'
    complete -c yodel -n "__yodel_command $command" -s q -d 'In a pipe: errors only, and where it listens'
    complete -c yodel -n "__yodel_command $command" -s h -l help -d Help
end
complete -c yodel -n '__yodel_command listen' -l keep -d 'Go on listening after the peer has left'
complete -c yodel -n '__yodel_command listen' -x -l advertise -a '(__fish_print_hostnames)' -d 'Callers reach you there'
complete -c yodel -n '__yodel_command listen' -l qr -d 'Show the ticket as a QR code, too'
complete -c yodel -n '__yodel_command listen' -x -l ticket-ttl -d 'How long the ticket is valid (24h)'
complete -c yodel -n '__yodel_command listen' -x -l only -a '(__yodel_contacts)' -d 'Only this contact may come in'
complete -c yodel -n '__yodel_command listen' -x -l accept-from -d 'Let only these in, as 10.0.0.0/8'
complete -c yodel -n '__yodel_command listen' -a 'localhost 127.0.0.1 0.0.0.0' -d 'Address to listen on'
complete -c yodel -n '__yodel_command call' -x -l timeout -d 'How long one try to connect may take (10s)'
complete -c yodel -n '__yodel_command call' -l retry -d 'Try again until somebody is there'
complete -c yodel -n '__yodel_command call' -x -s p -d 'The port (5188)'
complete -c yodel -n '__yodel_command call' -a '(__yodel_contacts)' -d Contact
complete -c yodel -n '__yodel_command call' -a 'localhost (__fish_print_hostnames)' -d Host

set --local first '__yodel_command peers; and not __fish_seen_subcommand_from show rename verify block unblock forget me'
complete -c yodel -n $first -a show -d 'All that is known of them'
complete -c yodel -n $first -a rename -d 'Another name, on this side'
complete -c yodel -n $first -a verify -d 'You have compared the id with them'
complete -c yodel -n $first -a block -d 'Never let them in'
complete -c yodel -n $first -a unblock -d 'Let them in again'
complete -c yodel -n $first -a forget -d 'Erase them, and all that belongs to them'
complete -c yodel -n $first -a me -d 'Your own id'
complete -c yodel -n '__yodel_command peers; and contains -- (commandline -opc)[-1] show rename verify block unblock forget' -a '(__yodel_contacts)' -d Contact
complete -c yodel -n '__yodel_command peers' -r -F -l identity -d 'With me: that of another key'
complete -c yodel -n '__yodel_command peers' -l json -d 'A JSON object for each contact'
complete -c yodel -n '__yodel_command peers' -s h -l help -d Help

complete -c yodel -n '__yodel_command echo' -x -l engine -a 'auto\t"The default: epoll"
epoll\t"Workers with many clients each"
fork\t"A child for each client"' -d 'How children serve'
complete -c yodel -n '__yodel_command echo' -x -l workers -d 'Children, with epoll (the CPUs)'
complete -c yodel -n '__yodel_command echo' -x -l max-conns -d 'More wait their turn'
complete -c yodel -n '__yodel_command echo' -x -l max-conns-per-ip -d 'More are turned away'
complete -c yodel -n '__yodel_command echo' -x -l idle-timeout -d 'Close who neither sends nor takes anything'
complete -c yodel -n '__yodel_command echo' -x -l dead-timeout -d 'Give up who acknowledges nothing (120s)'
complete -c yodel -n '__yodel_command echo' -x -l drain -d 'At the end, let clients finish (5s)'
complete -c yodel -n '__yodel_command echo' -l print -a 'text hex' -d 'Show what clients send'
complete -c yodel -n '__yodel_command echo' -x -l log-format -a 'logfmt json' -d 'The log, on standard error'
complete -c yodel -n '__yodel_command echo' -x -l user -a '(__fish_complete_users)' -d 'Run as this user'
complete -c yodel -n '__yodel_command echo' -s 4 -d 'Only IPv4'
complete -c yodel -n '__yodel_command echo' -s 6 -d 'Only IPv6'
complete -c yodel -n '__yodel_command echo' -s q -d 'No line for each client'
complete -c yodel -n '__yodel_command echo' -s v -d 'More lines'
complete -c yodel -n '__yodel_command echo' -s h -l help -d Help
complete -c yodel -n '__yodel_command echo' -a 'localhost 127.0.0.1 0.0.0.0' -d 'Address to listen on'

complete -c yodel -n '__yodel_command ping' -x -s c -d 'Stop after so many messages'
complete -c yodel -n '__yodel_command ping' -x -s i -d 'One message each duration (1s)'
complete -c yodel -n '__yodel_command ping' -x -s s -d 'Bytes a message (64)'
complete -c yodel -n '__yodel_command ping' -x -s W -d 'Wait for the connection and each reply (10s)'
complete -c yodel -n '__yodel_command ping' -x -s w -d 'How long the whole run may take'
complete -c yodel -n '__yodel_command ping' -x -s p -d 'The port (5188)'
complete -c yodel -n '__yodel_command ping' -s q -d 'Only the connection and the statistics'
complete -c yodel -n '__yodel_command ping' -s v -d 'Say of each address how connecting went'
complete -c yodel -n '__yodel_command ping' -l json -d 'One JSON object a line'
complete -c yodel -n '__yodel_command ping' -s 4 -d 'Only IPv4'
complete -c yodel -n '__yodel_command ping' -s 6 -d 'Only IPv6'
complete -c yodel -n '__yodel_command ping' -s h -l help -d Help
complete -c yodel -n '__yodel_command ping' -a 'localhost (__fish_print_hostnames)' -d Host
