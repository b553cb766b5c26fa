# bash completion for samehost(1)
_samehost() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  local command=${COMP_WORDS[1]}
  if [ "$COMP_CWORD" -eq 1 ]; then
    mapfile -t COMPREPLY < <(compgen -W 'run status explain doctor metrics off on --help --version' -- "$current")
    return
  fi
  if [ "$command" = run ]; then
    # The program begins behind "--", or with the first word that is no option's.
    local i=2
    while [ "$i" -lt "$COMP_CWORD" ]; do
      case ${COMP_WORDS[i]} in
        --) i=$((i + 1)); break ;;
        --wait | --dir | --exclude | --allow-users | --allow-groups) i=$((i + 2)) ;;
        -*) i=$((i + 1)) ;;
        *) break ;;
      esac
    done
    if [ "$i" -le "$COMP_CWORD" ] && { [ "${COMP_WORDS[i - 1]}" = -- ] || [ "$i" -lt "$COMP_CWORD" ] ||
        [[ $current != -* && ! $previous =~ ^--(wait|dir|exclude|allow-users|allow-groups)$ ]]; }; then
      if declare -F _command_offset >/dev/null; then
        _command_offset "$i"
      elif [ "$i" -eq "$COMP_CWORD" ]; then
        mapfile -t COMPREPLY < <(compgen -c -- "$current")
      else
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
      fi
      return
    fi
  fi
  case $previous in
    --wait) mapfile -t COMPREPLY < <(compgen -W 'efficient balanced latency' -- "$current"); return ;;
    --credentials) mapfile -t COMPREPLY < <(compgen -W 'insecure local tls' -- "$current"); return ;;
    --dir) mapfile -t COMPREPLY < <(compgen -d -- "$current"); return ;;
    --output | -o) mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
    --allow-users) mapfile -t COMPREPLY < <(compgen -u -- "$current"); return ;;
    --allow-groups) mapfile -t COMPREPLY < <(compgen -g -- "$current"); return ;;
    --exclude | --interval | -i) return ;;
  esac
  local words='--help'
  case $command in
    run) words+=' --verbose --replace-tls --wait --dir --exclude --allow-users --allow-groups --no-grpc --no-zmq --' ;;
    status) words+=' --json --watch --interval' ;;
    explain)
      words+=' --credentials --replace-tls --dir --json'
      [[ $current == -* ]] || words='localhost: unix: unix-abstract: dns:/// ipv4: ipv6: tcp:// ipc:// shm://'
      ;;
    doctor) words+=' --json --dir' ;;
    metrics) words+=' --output' ;;
    off) words+=' --exclude --dir' ;;
    on) words+=' --dir' ;;
    *) return ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
  [[ ${COMPREPLY[0]-} != *[:/] ]] || compopt -o nospace 2>/dev/null
}
complete -F _samehost samehost
