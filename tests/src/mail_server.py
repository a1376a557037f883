"""A server of mail for one test: what it hears goes to stdout, a JSON object a line."""
import base64, json, socket, ssl, sys, threading

port, mode, cert, key, refused = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4], sys.argv[5].split(",")
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(cert, key)
lock = threading.Lock()

def tell(**what):
    with lock:
        print(json.dumps(what), flush=True)

def serve(sock):
    encrypted = mode == "tls"
    if encrypted:
        sock = context.wrap_socket(sock, server_side=True)
    file = sock.makefile("rb")
    say = lambda text: sock.sendall(text.encode() + b"\r\n")
    mail = {"to": []}
    say("220 mail.example ready")
    while True:
        line = file.readline()
        if not line:
            return
        line = line.decode().rstrip("\r\n")
        verb = line.split(" ")[0].upper()
        if not encrypted:
            tell(clear=line)
        if verb == "EHLO":
            say("250-mail.example")
            if mode == "starttls" and not encrypted:
                say("250 STARTTLS")
            else:
                say("250 AUTH LOGIN PLAIN" if mode != "tls" else "250 AUTH LOGIN")
        elif verb == "STARTTLS":
            say("220 go on")
            sock, encrypted = context.wrap_socket(sock, server_side=True), True
            file = sock.makefile("rb")
        elif line.startswith("AUTH PLAIN "):
            mail["user"] = base64.b64decode(line[11:]).decode().split("\0")[1:]
            say("235 welcome")
        elif line == "AUTH LOGIN":
            mail["user"] = []
            for ask in ("VXNlcm5hbWU6", "UGFzc3dvcmQ6"):
                say("334 " + ask)
                mail["user"].append(base64.b64decode(file.readline()).decode())
            say("235 welcome")
        elif verb == "MAIL":
            mail["from"] = line[10:].strip("<>")
            say("250 ok")
        elif verb == "RCPT":
            to = line[8:].strip("<>")
            if to in refused:
                say("550 5.1.1 no such user")
            else:
                mail["to"].append(to)
                say("250 ok")
        elif verb == "DATA":
            say("354 go on")
            lines = []
            while (got := file.readline().decode().rstrip("\r\n")) != ".":
                lines.append(got[1:] if got.startswith(".") else got)
            tell(**mail, encrypted=encrypted, text="\n".join(lines))
            mail = {"to": []}
            say("250 taken")
        else:
            say("221 bye" if verb == "QUIT" else "502 what")
            if verb == "QUIT":
                return

def guarded(sock):
    try:
        serve(sock)
    except (OSError, ssl.SSLError):
        pass
    finally:
        sock.close()

listener = socket.create_server(("127.0.0.1", port))
tell(listening=port)
while True:
    sock, _ = listener.accept()
    threading.Thread(target=guarded, args=(sock,), daemon=True).start()
