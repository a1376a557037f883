channelMap.put('mrn', validate(msg['PID']['PID.3']['PID.3.1'].toString(), '', new Array()));
