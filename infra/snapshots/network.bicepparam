using '../main.bicep'

// Everything that can be asked for.
param environmentName = 'contoso-test'
param location = 'westeurope'
param dataverseUrl = 'https://contoso.crm4.dynamics.com'
param finopsUrl = 'https://contoso.operations.dynamics.com'
param company = 'usmf'
param alertEmail = 'first@contoso.com'
param settings = toObject(loadJsonContent('../names.json').settings, name => name, name => '')
param moreAlertEmails = ['second@contoso.com']
param operatorGroupId = '00000000-0000-0000-0000-000000000003'
param useVirtualNetwork = true
param lockStorage = true
