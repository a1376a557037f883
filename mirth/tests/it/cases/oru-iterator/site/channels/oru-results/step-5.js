channelMap.put('family', validate(msg['PID']['PID.5']['PID.5.1'].toString().replace(/'/g, ''), 'unknown', new Array()));
